/** The crashes of `test/store/crash-states.test.ts`, many more: other lives, and more states of each. */
import { expect, it, vi } from 'vitest';
import { playStoreCrashes } from '../store/store-crashes.js';

vi.mock('node:fs', async () => (await import('../support/crash-disk/node-fs.js')).nodeFs);
vi.mock(
  'node:fs/promises',
  async () => (await import('../support/crash-disk/node-fs-promises.js')).nodeFsPromises,
);
vi.mock('node:crypto', async () => (await import('../support/crash-disk/seeded-crypto.js')).seededCrypto);
vi.mock('level', () => import('../support/crash-disk/crash-level.js'));

const lives = 80;
const statesPerLife = 1000;

it.each(Array.from({ length: lives }, (_, index) => 1000 + index))(
  'keeps its promises after every crash of the life with seed %i',
  async (seed) => {
    expect(await playStoreCrashes({ seed, states: statesPerLife })).toBeUndefined();
  },
);
