/** A stat is the same wherever it lies: as an object, encoded, and encoded again from where it was. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeFileStat, encodeFileStat, fileStatBytes, statEquals } from '../../src/folder/file-stat.js';
import type { FileStat } from '../../src/folder/index.js';
import { plainStat } from '../support/plain-stat.js';

const time = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const stats: fc.Arbitrary<FileStat> = fc.record({
  size: fc.maxSafeNat(),
  mtimeNs: time,
  ctimeNs: time,
  inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  executable: fc.boolean(),
});

it('is what it was, encoded twice, at any place', () => {
  fc.assert(
    fc.property(stats, fc.nat({ max: 9 }), fc.nat({ max: 9 }), (stat, first, second) => {
      const [one, other] = [first, second].map((at) => new DataView(new ArrayBuffer(at + fileStatBytes)));
      if (one === undefined || other === undefined) throw new Error('there are two');
      encodeFileStat(stat, one, first);
      const decoded = decodeFileStat(one, first);
      expect(plainStat(decoded)).toEqual(stat);
      encodeFileStat(decoded, other, second);
      expect(plainStat(decodeFileStat(other, second))).toEqual(stat);
      expect(statEquals(stat, decoded)).toBe(true);
      expect(statEquals(decoded, { ...stat, executable: !stat.executable })).toBe(false);
    }),
  );
});
