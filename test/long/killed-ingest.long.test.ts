/** `kill -9` of 50 snapshots: see `test/scenario/killed-ingest.ts`. */
import { test } from 'vitest';
import { surviveIngestKills } from '../scenario/killed-ingest.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_122);
const kills = 50;

test(`${kills} kills of a snapshot lose nothing (seed ${seed}, set by SHOAL_SEED)`, () =>
  surviveIngestKills(seed, kills));
