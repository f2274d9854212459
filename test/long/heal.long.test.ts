/** Thousands of random damages to the store of a small share, each one healed from a peer: see `test/share/heal.ts`. */
import { expect, it } from 'vitest';
import { HealingPair } from '../share/heal.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_122);
const pairs = 20;
const roundsPerPair = 100;

it(`heals ${pairs * roundsPerPair} random damages (seed ${seed}, set by SHOAL_SEED)`, {
  timeout: 3_600_000,
}, async () => {
  let reported = 0;
  for (let count = 0; count < pairs; count++) {
    const first = seed + count * roundsPerPair;
    const pair = await HealingPair.open(first);
    try {
      for (let round = 0; round < roundsPerPair; round++)
        if ((await pair.heal(first + round)).reported !== 'ok') reported++;
    } finally {
      await pair.close();
    }
  }
  expect(reported).toBeGreaterThan((pairs * roundsPerPair) / 2);
});
