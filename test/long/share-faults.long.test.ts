/** The faults of `test/share/apply-faults.test.ts`, at every single call. */
import { expect, it, vi } from 'vitest';
import { ShoalError } from '../../src/error.js';
import { playShareFaults } from '../share/apply-life.js';

vi.mock('node:fs', async () => (await import('../support/crash-disk/node-fs.js')).nodeFs);
vi.mock(
  'node:fs/promises',
  async () => (await import('../support/crash-disk/node-fs-promises.js')).nodeFsPromises,
);
vi.mock('node:crypto', async () => (await import('../support/crash-disk/seeded-crypto.js')).seededCrypto);
vi.mock('level', () => import('../support/crash-disk/crash-level.js'));

const stride = 1;

it.each([
  {
    code: 'EIO',
    goesOn: false,
    kinds: ['open', 'read', 'write', 'sync', 'names', 'look', 'attributes'] as const,
  },
  { code: 'ENOSPC', goesOn: true, kinds: ['write', 'names'] as const },
  { code: 'EMFILE', goesOn: false, kinds: ['open'] as const },
])('survives $code at any call', async ({ code, goesOn, kinds }) => {
  const errors = await playShareFaults({ code, kinds, goesOn, first: 1, stride });
  expect(errors.length).toBeGreaterThan(5);
  for (const error of errors) {
    expect(error).toBeInstanceOf(ShoalError);
    expect((error as ShoalError).message).toMatch(
      /disk is full|disk reports an error|too many (open )?files|cannot be read|is damaged|is gone/,
    );
  }
});
