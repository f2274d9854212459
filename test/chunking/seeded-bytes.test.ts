/** Shows that the seeded generator is the same everywhere, differs between seeds, and is even over bytes. */
import { expect, test } from 'vitest';
import { seededBytes, seededNumbers } from './seeded-bytes.js';

test('the same seed gives the same numbers, on every machine', () => {
  const next = seededNumbers(1);
  expect([next(), next(), next()]).toEqual([18510439, 2776632396, 624039752]);
});

test('seeds differ, also 0 and the one that the mixing would turn into 0', () => {
  const seeds = [0, 1, 2, 0x9e3779b9, 0xffffffff];
  const starts = seeds.map((seed) => Buffer.from(seededBytes(seed, 16)).toString('hex'));
  expect(new Set(starts).size).toBe(seeds.length);
  expect(starts).not.toContain('00'.repeat(16));
});

test('a longer run begins with the shorter one', () => {
  expect(seededBytes(7, 1001).subarray(0, 997)).toEqual(seededBytes(7, 997));
});

test('every byte value is about equally frequent', () => {
  const counts = new Array<number>(256).fill(0);
  for (const byte of seededBytes(3, 256 * 1000)) counts[byte] = (counts[byte] ?? 0) + 1;
  // Expected 1000 each with a standard deviation of about 32: five of them.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(160);
});
