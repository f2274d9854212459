/**
 * Shows which roots of the past are kept: the rules by examples, and for any history that the newest stays, that thinning
 * step by step ends where thinning once does, that what is kept is bounded, and that no gap is wider than promised.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { denseRootsMax, keepMsDefault, retained } from '../../src/share/retention.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const now = Date.UTC(2026, 5, 15, 12, 30);

function kept(times: readonly number[], at: number, keepMs = keepMsDefault): number[] {
  const isKept = retained(times, at, keepMs);
  return times.filter((_, index) => isKept[index] === true);
}

const sorted = (times: readonly number[]): number[] => [...times].sort((a, b) => a - b);
/** Histories of three years, denser towards their end. */
const histories = fc
  .array(
    fc
      .oneof(fc.integer({ min: 0, max: 3 * day }), fc.integer({ min: 0, max: 1000 * day }))
      .map((age) => now - age),
    { maxLength: 300 },
  )
  .map(sorted);
const keeps = fc.oneof(fc.constant(keepMsDefault), fc.integer({ min: 1000, max: 1500 * day }));

describe('retention', () => {
  it('keeps all of a day, then the last of each hour, day and week', () => {
    const every10Minutes = Array.from(
      { length: 6 * 24 * 400 },
      (_, index) => now - index * 10 * minute,
    ).reverse();
    const ages = kept(every10Minutes, now).map((time) => now - time);
    const within = (from: number, to: number): number => ages.filter((age) => age >= from && age < to).length;
    expect(within(0, day)).toBe(6 * 24);
    expect(within(2 * day, 3 * day)).toBe(24);
    expect(within(10 * day, 20 * day)).toBe(10);
    expect(within(50 * day, 50 * day + 70 * day)).toBe(10);
    expect(Math.max(...ages)).toBeLessThanOrEqual(365 * day);
    expect(ages.length).toBeLessThan(500);
  });

  it('goes as far back as it is told, and keeps the newest root however old it is', () => {
    const times = [now - 900 * day, now - 500 * day, now - 40 * day, now - 3 * day];
    expect(kept(times, now)).toEqual(times.slice(2));
    expect(kept(times, now, 1000)).toEqual(times.slice(3));
    expect(kept(times, now, 600 * day)).toEqual(times.slice(1));
    expect(kept([], now)).toEqual([]);
  });

  it('keeps roots from the future: a clock was wrong', () => {
    expect(kept([now, now + day, now + 400 * day], now)).toHaveLength(3);
  });

  it('thins by the hour what changes too often', () => {
    const times = Array.from({ length: 3 * denseRootsMax }, (_, index) => now - index * 2000).reverse();
    const result = kept(times, now);
    expect(result.length).toBeLessThan(denseRootsMax + hour / 2000 + 24);
    expect(result.slice(-denseRootsMax)).toEqual(times.slice(-denseRootsMax));
  });

  it('keeps the newest, whatever the history', () => {
    fc.assert(
      fc.property(histories, keeps, (times, keepMs) => {
        expect(kept(times, now, keepMs).at(-1)).toBe(times.at(-1));
      }),
    );
  });

  it('ends at the same, whether it is thinned on the way or not', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 1000 * day }), { maxLength: 5 });
    fc.assert(
      fc.property(histories, keeps, steps, (times, keepMs, ages) => {
        let thinned: number[] = [];
        let last = Number.NEGATIVE_INFINITY;
        for (const at of sorted(ages.map((age) => now - age))) {
          thinned = kept([...thinned, ...times.filter((time) => time > last && time <= at)], at, keepMs);
          last = at;
        }
        const onTheWay = kept([...thinned, ...times.filter((time) => time > last)], now, keepMs);
        expect(onTheWay).toEqual(kept(times, now, keepMs));
      }),
    );
  });

  it('leaves no gap that is wider than a week and the age at which weeks begin', () => {
    fc.assert(
      fc.property(histories, (times) => {
        const result = kept(times, now);
        for (const time of times.filter((one) => now - one <= keepMsDefault - 7 * day)) {
          const after = result.find((one) => one >= time) ?? Number.POSITIVE_INFINITY;
          expect(after - time).toBeLessThan(7 * day);
          if (now - time <= 7 * day) expect(after - time).toBeLessThan(hour);
          if (now - time < day) expect(after).toBe(time);
        }
      }),
    );
  });
});
