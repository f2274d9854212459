/** Shows what a sealed datagram is made of, that nothing but the right key opens it, and that it opens once. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DatagramOpener, DatagramSealer, sealedIndex } from '../../src/network/sealed-datagram.js';
import { seededBytes } from '../chunking/seeded-bytes.js';

const key = seededBytes(1, 32);

test('golden bytes: type, index, counter, then ciphertext and tag', () => {
  const sealer = new DatagramSealer(key, 0x04030201);
  sealer.seal(Uint8Array.of(9));
  expect(Buffer.from(sealer.seal(Buffer.from('shoal'))).toString('hex')).toMatchInlineSnapshot(
    `"0301020304010000000000000031608eda2dffb092c2a2095a5f533b87eeae03ea74"`,
  );
});

test('any plain bytes come back, in any order, once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 1171 }), { maxLength: 20 }),
      fc.integer(),
      (plains, shuffle) => {
        const sealer = new DatagramSealer(key, 5);
        const opener = new DatagramOpener(key);
        const sealed = plains.map((plain) => ({ plain, bytes: sealer.seal(plain) }));
        const order = sealed
          .map((_, n) => n)
          .sort((a, b) => ((a * 7919 + shuffle) % 31) - ((b * 7919 + shuffle) % 31));
        for (const n of order) {
          const item = sealed[n];
          if (item === undefined) continue;
          expect(sealedIndex(item.bytes)).toBe(5);
          expect(item.bytes.length).toBeLessThanOrEqual(1200);
          const opened = opener.open(item.bytes);
          expect(opened.kind === 'plain' && Buffer.compare(opened.plain, item.plain)).toBe(0);
          expect(opener.open(item.bytes)).toEqual({ kind: 'replayed' });
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('one bit off anywhere, another key, or a forged counter far ahead: foreign, and the window does not move', () => {
  const bytes = new DatagramSealer(key, 5).seal(seededBytes(2, 40));
  const opener = new DatagramOpener(key);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const altered = Uint8Array.from(bytes);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(opener.open(altered).kind).toBe('foreign');
  }
  expect(new DatagramOpener(seededBytes(3, 32)).open(bytes).kind).toBe('foreign');
  expect(opener.open(bytes).kind).toBe('plain');
});

test('random bytes are for no session, or do not open', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1400 }), (bytes) => {
      if (sealedIndex(bytes) !== undefined) expect(new DatagramOpener(key).open(bytes).kind).toBe('foreign');
    }),
  );
});
