/** `kill -9` while a folder is taken in, a few times; `npm run test:long` does it 50 times. */
import { test } from 'vitest';
import { surviveIngestKills } from './killed-ingest.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_122);
const kills = 4;

test(`${kills} kills of a snapshot lose nothing (seed ${seed}, set by SHOAL_SEED)`, () =>
  surviveIngestKills(seed, kills));
