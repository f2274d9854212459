/**
 * Shows what a power cut may do to files that are being put in place: a peer's changes of every kind are applied on a disk
 * in memory, which is cut off after each operation; what is left is opened, recovered and scanned.
 */
import { expect, it, vi } from 'vitest';
import { playShareCrashes } from './apply-life.js';

vi.mock('node:fs', async () => (await import('../support/crash-disk/node-fs.js')).nodeFs);
vi.mock(
  'node:fs/promises',
  async () => (await import('../support/crash-disk/node-fs-promises.js')).nodeFsPromises,
);
vi.mock('node:crypto', async () => (await import('../support/crash-disk/seeded-crypto.js')).seededCrypto);
vi.mock('level', () => import('../support/crash-disk/crash-level.js'));

const states = 600;

it('leaves each path as it was or as it is to be, and takes nothing of that for an edit', async () => {
  expect(await playShareCrashes({ seed: 1, states })).toBeUndefined();
});
