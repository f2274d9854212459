/**
 * A few dozen random damages to the store of a small share, which one peer holds whole: bits flipped, files cut, zeroed
 * and swapped, in packs and in every file of LevelDB. Each time `verify --repair` heals it, no wrong byte gets into the
 * folder or to the peer, and the roots are equal. The seed of a failure is in its message.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { HealingPair } from './heal.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_122);
const rounds = 24;
let pair: HealingPair;

beforeAll(async () => {
  pair = await HealingPair.open(seed);
});
afterAll(() => pair.close());

it(`heals ${rounds} random damages (seed ${seed}, set by SHOAL_SEED)`, { timeout: 120_000 }, async () => {
  let reported = 0;
  for (let round = 0; round < rounds; round++)
    if ((await pair.heal(seed + round)).reported !== 'ok') reported++;
  // Some hit bytes that nothing refers to any more.
  expect(reported).toBeGreaterThan(rounds / 2);
});
