/** Shows that `kill -9` during a collection, beside writers, loses nothing: fifty times. */
import { test } from 'vitest';
import { killCollections } from '../store/collect-kill.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_260_304);

test(`50 kills lose nothing (seed ${seed}, set by SHOAL_SEED)`, () => killCollections(50, seed));
