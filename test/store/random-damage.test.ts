/** Shows that random damage to any file of a store is survived: `random-damage.ts` says what that means. */
import { expect, it } from 'vitest';
import { surviveDamages } from './random-damage.js';

const cases = 200;

it(`survives ${cases} damages`, async () => {
  const outcomes = await surviveDamages({ from: 1, count: cases });
  // A damage that opens the store and loses nothing shows little: most of them must do more.
  expect(outcomes.filter(({ opened }) => !opened).length).toBeGreaterThan(cases / 4);
  expect(outcomes.filter(({ lost }) => lost > 0).length).toBeGreaterThan(cases / 8);
  expect(outcomes.filter(({ opened, rebuilt }) => opened && rebuilt).length).toBeGreaterThan(0);
});
