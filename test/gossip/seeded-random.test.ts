/** Shows that the simulator's random numbers are the same everywhere and evenly spread. */
import { expect, test } from 'vitest';
import { seededRandom } from './seeded-random.js';

test('a seed gives known numbers', () => {
  const random = seededRandom(1);
  expect(Array.from({ length: 3 }, () => Math.floor(random() * 2 ** 32))).toEqual([
    2693262067, 11749833, 2265367787,
  ]);
});

test('the numbers are spread evenly', () => {
  const random = seededRandom(2);
  const counts = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 10_000; draw++) {
    const bucket = Math.floor(random() * 10);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});
