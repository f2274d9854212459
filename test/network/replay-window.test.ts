/** Shows that the bitmap accepts exactly what a set of all counters ever seen would accept. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReplayWindow, replayWindow } from '../../src/network/replay-window.js';

/** The same rule without a bitmap and without a bound. */
class NaiveWindow {
  readonly #seen = new Set<number>();
  #newest = -1;

  accept(counter: number): boolean {
    if (counter <= this.#newest - replayWindow || this.#seen.has(counter)) return false;
    this.#seen.add(counter);
    this.#newest = Math.max(this.#newest, counter);
    return true;
  }
}

test('like the naive one, for counters near each other and for jumps', () => {
  const step = fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: -40, max: 40 }) },
    { weight: 5, arbitrary: fc.integer({ min: -1100, max: 1100 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 40 }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const window = new ReplayWindow();
      const naive = new NaiveWindow();
      let counter = 0;
      for (const by of steps) {
        counter = Math.max(0, counter + by);
        expect(window.accept(counter)).toBe(naive.accept(counter));
      }
    }),
    { numRuns: 300 },
  );
});

test('the edges: the oldest that still counts, the one before it, and the largest counter', () => {
  const window = new ReplayWindow();
  expect(window.accept(5000)).toBe(true);
  expect(window.accept(5000 - replayWindow + 1)).toBe(true);
  expect(window.accept(5000 - replayWindow)).toBe(false);
  expect(window.accept(Number.MAX_SAFE_INTEGER)).toBe(true);
  expect(window.accept(Number.MAX_SAFE_INTEGER)).toBe(false);
  expect(window.accept(5000)).toBe(false);
});
