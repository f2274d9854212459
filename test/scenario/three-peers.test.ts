/**
 * Shows the main job with three real processes on loopback: what is put, changed, renamed or deleted on one peer
 * comes to stand on all, byte by byte, while one of them is killed half-way and resumes. The bench `scenario` runs the
 * same steps with a ten times larger file.
 */
import { test } from 'vitest';
import { patienceMs } from '../support/patience.js';
import { megabyte, runScenario } from '../support/three-peers.js';

const seed = 20_260_101;

test(`three peers stay identical (seed ${seed})`, { timeout: 180_000 }, () =>
  runScenario({ seed, largeBytes: 64 * megabyte, patienceMs }),
);
