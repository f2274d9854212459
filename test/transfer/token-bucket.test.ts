/**
 * Shows that a token bucket keeps to its rate over every window of time, whoever asks when, and that it wastes nothing:
 * who waits as long as it says, gets what it asked for.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from '../../src/transfer/index.js';

const seed = 20_261_123;
const burstBytes = 100_000;

const bucketOf = (bytesPerSecond: number, now = 0): TokenBucket =>
  new TokenBucket({ bytesPerSecond, burstBytes }, now);

describe('TokenBucket', () => {
  it('takes the burst at once, and says how long the next bytes take', () => {
    const bucket = bucketOf(50_000);
    bucket.take(burstBytes, 0);
    expect(bucket.waitMs(25_000, 0)).toBe(500);
    expect(bucket.waitMs(25_000, 499)).toBe(1);
    expect(bucket.waitMs(25_000, 500)).toBe(0);
    expect(() => bucket.take(25_001, 500)).toThrow('before its time');
  });

  it('fills up to the burst and no further', () => {
    const bucket = bucketOf(50_000);
    bucket.take(burstBytes, 0);
    bucket.take(burstBytes, 86_400_000);
    expect(bucket.waitMs(1, 86_400_000)).toBe(1);
    bucket.giveBack(10 * burstBytes, 86_400_000);
    bucket.take(burstBytes, 86_400_000);
    expect(bucket.waitMs(1, 86_400_000)).toBe(1);
  });

  it('is not upset by a clock that goes back', () => {
    const bucket = bucketOf(50_000, 10_000);
    bucket.take(burstBytes, 10_000);
    expect(bucket.waitMs(50_000, 1000)).toBe(1000);
    expect(bucket.waitMs(50_000, 2000)).toBe(0);
  });

  it('never lets more than burst + rate * time through in any window, whatever the pauses between the questions', () => {
    const asks = fc.array(
      fc.record({ pauseMs: fc.nat(3000), bytes: fc.integer({ min: 1, max: burstBytes }) }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 10_000_000 }), asks, (bytesPerSecond, list) => {
        const bucket = bucketOf(bytesPerSecond);
        const taken: { at: number; bytes: number }[] = [];
        let now = 0;
        for (const { pauseMs, bytes } of list) {
          now += pauseMs;
          if (bucket.waitMs(bytes, now) > 0) continue;
          bucket.take(bytes, now);
          taken.push({ at: now, bytes });
        }
        for (const [first, { at: from }] of taken.entries()) {
          let sum = 0;
          for (const { at, bytes } of taken.slice(first)) {
            sum += bytes;
            if (sum > burstBytes + ((at - from) / 1000) * bytesPerSecond + 1) return false;
          }
        }
        return true;
      }),
      { seed },
    );
  });

  it('moves everything in the least time, to 2 ms a turn, for who waits as told', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 10_000, max: 5_000_000 }),
        fc.array(fc.integer({ min: 1, max: burstBytes }), { minLength: 1, maxLength: 100 }),
        (bytesPerSecond, sizes) => {
          const bucket = bucketOf(bytesPerSecond);
          let now = 0;
          let sum = 0;
          for (const bytes of sizes) {
            for (let wait = bucket.waitMs(bytes, now); wait > 0; wait = bucket.waitMs(bytes, now))
              now += wait;
            bucket.take(bytes, now);
            sum += bytes;
          }
          return now <= (Math.max(0, sum - burstBytes) / bytesPerSecond) * 1000 + 2 * sizes.length;
        },
      ),
      { seed },
    );
  });
});
