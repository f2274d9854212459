/** `kill -9` of 50 repairs: see `test/scenario/killed-repair.ts`. */
import { test } from 'vitest';
import { surviveKills } from '../scenario/killed-repair.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_122);
const kills = 50;

test(`${kills} kills of a repair lose nothing (seed ${seed}, set by SHOAL_SEED)`, () =>
  surviveKills(seed, kills));
