/**
 * Shows that a power cut at any moment takes nothing from the store that was promised: a life of the store is recorded by a
 * disk in memory, cut off after each of its operations, and what is left is opened and looked at. A failure names the
 * operation and the seeds.
 */
import { expect, it, vi } from 'vitest';
import { playStoreCrashes } from './store-crashes.js';

vi.mock('node:fs', async () => (await import('../support/crash-disk/node-fs.js')).nodeFs);
vi.mock(
  'node:fs/promises',
  async () => (await import('../support/crash-disk/node-fs-promises.js')).nodeFsPromises,
);
vi.mock('node:crypto', async () => (await import('../support/crash-disk/seeded-crypto.js')).seededCrypto);
vi.mock('level', () => import('../support/crash-disk/crash-level.js'));

const seeds = [1, 2, 3, 4, 5, 6, 7, 8];
const statesPerLife = 550;

it.each(seeds)('keeps its promises after every crash of the life with seed %i', async (seed) => {
  expect(await playStoreCrashes({ seed, states: statesPerLife })).toBeUndefined();
});
