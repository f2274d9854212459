/** RelPath: every hostile form is rejected, every legal one is taken as it is, and the order is that of UTF-8 with `/` first. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isShoalError } from '../../src/error.js';
import { conflictPrefix } from '../../src/manifest/conflict-path.js';
import {
  baseNameOf,
  compareRelPath,
  conflictPath,
  isUnder,
  joinRelPath,
  parentOf,
  parseRelPath,
  type RelPath,
} from '../../src/manifest/index.js';
import { utf8Length } from '../../src/manifest/rel-path.js';
import { runs } from '../support/seed.js';
import { content, path } from './memory-nodes.js';

const rejected: Record<string, string> = {
  'is empty': '',
  'is a dot': '.',
  'is two dots': '..',
  'climbs out': 'a/../../b',
  'has a dot component': 'a/./b',
  'is absolute': '/etc/passwd',
  'has an empty component': 'a//b',
  'ends with a slash': 'a/',
  'has a NUL': 'a\0b',
  'has a lone surrogate': 'a\ud800b',
  'has a component of 256 bytes': 'é'.repeat(128),
  'is longer than 4096 bytes': `${'a'.repeat(250)}/`.repeat(17),
  'is deeper than 256': `${'a/'.repeat(256)}a`,
  'is the state directory': '.shoal',
  'is inside the state directory': '.shoal/config.json',
  'is the state directory further down': 'a/.shoal/b',
  'is the state directory in capitals': 'a/.SHOAL',
  'has a zero-width joiner in it': '.sh\u200doal',
  'has a soft hyphen in it': '.sho\u00adal',
  'has a word joiner at its end': '.shoal\u2060',
  'has a byte order mark at its start': '\ufeff.shoal',
  'has a variation selector in it': '.s\ufe0fhoal',
  'has a Mongolian vowel separator in it': '.sho\u180eal',
  'has a long s in it': '.ſhoal',
  'is written in full width': '．ｓｈｏａｌ',
  'is a temporary file of ours': 'a/.shoal-tmp-123',
  'is a temporary file of ours, disguised': 'a/.Shoal\u200b-tmp-123',
};

const accepted = [
  'a',
  'a/b c/d.txt',
  '.shoalignore',
  'a/.shoalignore',
  '.shoals',
  'shoal',
  'x.shoal',
  'a\\b',
  'a\nb',
  'a\u0001b\u007f',
  '…',
  '...',
  ' ',
  '-rf',
  'C:',
  'CON',
  '\ufeffmark',
  'u\u0308',
  'ü',
  '😀/\u{10ffff}',
  '__proto__',
  'é'.repeat(127),
  `${'a'.repeat(255)}/`.repeat(15) + 'a'.repeat(255),
  `${'a/'.repeat(255)}a`,
];

describe('parsing a path', () => {
  it.each(Object.entries(rejected))('rejects one that %s', (_, text) => {
    expect(() => parseRelPath(text)).toThrow(expect.objectContaining({ code: 'PATH_REJECTED' }));
  });

  it.each(accepted)('takes %j as it is', (text) => {
    expect(parseRelPath(text)).toBe(text);
  });

  it('never fails in another way', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          expect(parseRelPath(text)).toBe(text);
        } catch (error) {
          expect(isShoalError(error, 'PATH_REJECTED')).toBe(true);
        }
      }),
      runs(200),
    );
  });
});

/** Components that a share may contain, also with characters on both sides of the surrogates. */
const somePath = fc
  .array(
    fc.string({
      unit: fc.constantFrom('a', 'b', '-', '.', '\u0001', 'é', '\ud7ff', '\ue000', '\uffff', '😀'),
      minLength: 1,
      maxLength: 4,
    }),
    { minLength: 1, maxLength: 4 },
  )
  .filter((components) => components.every((component) => component !== '.' && component !== '..'))
  .map((components) => parseRelPath(components.join('/')));

describe('the order of paths', () => {
  it('puts a directory before what is in it, and that before its siblings', () => {
    const sorted = ['a', 'a/x', 'a/x/y', 'a/\u0001', 'a-b', 'a.b', 'ab'].map(path);
    const expected = ['a', 'a/\u0001', 'a/x', 'a/x/y', 'a-b', 'a.b', 'ab'];
    expect([...sorted].reverse().sort(compareRelPath)).toEqual(expected);
  });

  it('is that of the UTF-8 bytes with `/` lowest', () => {
    const bytesOf = (text: RelPath): Buffer =>
      Buffer.from([...Buffer.from(text)].map((byte) => (byte === 0x2f ? 0 : byte)));
    fc.assert(
      fc.property(somePath, somePath, (a, b) => {
        expect(Math.sign(compareRelPath(a, b))).toBe(Buffer.compare(bytesOf(a), bytesOf(b)));
      }),
      runs(800),
    );
  });
});

describe('the parts of a path', () => {
  it('come apart and together again', () => {
    fc.assert(
      fc.property(somePath, (at) => {
        const parent = parentOf(at);
        expect(joinRelPath(parent, baseNameOf(at))).toBe(at);
        if (parent !== undefined) expect(isUnder(at, parent)).toBe(true);
        expect(isUnder(at, at)).toBe(false);
        expect(utf8Length(at)).toBe(Buffer.byteLength(at));
      }),
      runs(500),
    );
    expect(isUnder(path('ab'), path('a'))).toBe(false);
    expect(() => joinRelPath(path('a'), 'b/c')).toThrow(expect.objectContaining({ code: 'PATH_REJECTED' }));
    expect(() => joinRelPath(path('a'), '..')).toThrow(expect.objectContaining({ code: 'PATH_REJECTED' }));
  });
});

describe('a conflict path', () => {
  const tag = /\.conflict-[0-9a-f]{8}/g;

  it('stands beside the path, keeps its ending, and goes by the content', () => {
    const shape = (text: string): string => conflictPath(path(text), content('x')).replace(tag, '!');
    expect(
      ['a/b.txt', 'b', '.profile', 'a.tar.gz', 'a.', 'x.a-very-long-ending-indeed', '.shoalignore'].map(
        shape,
      ),
    ).toEqual([
      'a/b!.txt',
      'b!',
      '.profile!',
      'a.tar!.gz',
      'a.!',
      'x.a-very-long-ending-indeed!',
      '.shoalignore!',
    ]);
    expect(conflictPath(path('a'), content('x'))).not.toBe(conflictPath(path('a'), content('y')));
  });

  it('of a conflict path has one tag, and another one', () => {
    const first = conflictPath(path('a/b.txt'), content('x'));
    const second = conflictPath(first, content('x'));
    expect(second).not.toBe(first);
    expect(second.replace(tag, '!')).toBe('a/b!.txt');
  });

  it('stays within the bounds of a path, and begins with its prefix', () => {
    const long = [
      'é'.repeat(127),
      `${'😀'.repeat(60)}.txt`,
      `${`${'a'.repeat(254)}/`.repeat(16)}abc`,
      `${'a/'.repeat(255)}${'b'.repeat(255)}`,
    ];
    for (const text of [...long, '.conflict-01234567', `${`${'a'.repeat(200)}/`.repeat(20)}x.txt`]) {
      const copy = conflictPath(path(text), content('x'));
      expect(parseRelPath(copy)).toBe(copy);
      expect(copy).not.toBe(text);
      expect(copy.startsWith(conflictPrefix(path(text)))).toBe(true);
      const further = conflictPath(copy, content('y'));
      expect(further.startsWith(conflictPrefix(copy))).toBe(true);
    }
  });
});
