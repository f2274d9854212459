/**
 * The random numbers of the gossip simulator: mulberry32, small, and the same everywhere for one seed.
 * `seeded-random.test.ts` holds it to known values and to an even spread.
 */
export type Random = () => number;

/** @param seed - u32 @returns numbers from 0 to below 1 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
