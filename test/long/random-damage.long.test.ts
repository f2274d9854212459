/** As `test/store/random-damage.test.ts`, with many more damages. `SHOAL_TEST_SEED` plays from another seed on. */
import { expect, it } from 'vitest';
import { surviveDamages } from '../store/random-damage.js';

const from = Number(process.env.SHOAL_TEST_SEED ?? 1);
const count = Number(process.env.SHOAL_TEST_RUNS ?? 10_000);

it(`survives ${count} damages, from seed ${from} on`, { timeout: 3_600_000 }, async () => {
  expect(await surviveDamages({ from, count })).toHaveLength(count);
});
