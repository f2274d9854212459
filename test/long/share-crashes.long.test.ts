/** The crashes of `test/share/apply-crashes.test.ts`, many more. */
import { expect, it, vi } from 'vitest';
import { playShareCrashes } from '../share/apply-life.js';

vi.mock('node:fs', async () => (await import('../support/crash-disk/node-fs.js')).nodeFs);
vi.mock(
  'node:fs/promises',
  async () => (await import('../support/crash-disk/node-fs-promises.js')).nodeFsPromises,
);
vi.mock('node:crypto', async () => (await import('../support/crash-disk/seeded-crypto.js')).seededCrypto);
vi.mock('level', () => import('../support/crash-disk/crash-level.js'));

const seeds = Array.from({ length: 20 }, (_, index) => 2000 + index);
const statesPerSeed = 1000;

it.each(seeds)('leaves each path as it was or as it is to be, with seed %i', async (seed) => {
  expect(await playShareCrashes({ seed, states: statesPerSeed })).toBeUndefined();
});
