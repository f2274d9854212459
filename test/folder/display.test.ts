/** Names are printed so that none can forge a line or hide what it is, shown with hostile names. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeBytesForDisplay } from '../../src/folder/display.js';
import { escapeForDisplay } from '../../src/folder/index.js';

test('ordinary names stay as they are', () => {
  expect(escapeForDisplay('Fotos/Zürich 2024 – 日本 🐟.jpg')).toBe('Fotos/Zürich 2024 – 日本 🐟.jpg');
});

test.each([
  ['a\nb', 'a\\nb'],
  ['a\r\tb', 'a\\r\\tb'],
  ['\u001b[2Jgone', '\\u{1b}[2Jgone'],
  ['exe.\u202egpj', 'exe.\\u{202e}gpj'],
  ['a\u200cb', 'a\\u{200c}b'],
  ['a\u2028b', 'a\\u{2028}b'],
  ['\ud800x', '\\u{d800}x'],
  ['a\\nb', 'a\\\\nb'],
])('%j is printed as %j', (name, shown) => {
  expect(escapeForDisplay(name)).toBe(shown);
});

test('bytes that are not UTF-8 are shown one by one, the rest as text', () => {
  expect(escapeBytesForDisplay(Buffer.from('c3bc2fff80e282', 'hex'))).toBe('ü/\\xff\\x80\\xe2\\x82');
});

test('two different names never look the same', () => {
  const hostile = fc.string({
    unit: fc.constantFrom('\\', 'n', '\n', 'u', '{', '1', 'b', '}', '\u001b', 'x'),
  });
  fc.assert(
    fc.property(hostile, hostile, (a, b) => a === b || escapeForDisplay(a) !== escapeForDisplay(b)),
    { seed: 20_240_701 },
  );
});
