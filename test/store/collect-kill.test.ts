/** Shows that `kill -9` during a collection loses nothing: five times here, fifty in test/long. */
import { test } from 'vitest';
import { killCollections } from './collect-kill.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_260_303);

test(`5 kills lose nothing (seed ${seed}, set by SHOAL_SEED)`, () => killCollections(5, seed));
