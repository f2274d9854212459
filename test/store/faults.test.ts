/**
 * Shows what becomes of the store when a call of the system fails: each one in turn in a short life, with EIO once, with
 * ENOSPC from then on, with EMFILE once. The failure is told as one sentence, what was refused stays refused, and what was
 * promised before is there when the store is opened again, after a power cut too: a sync that failed is no sync, and a second
 * one does not make up for it.
 */
import { expect, it, vi } from 'vitest';
import { ShoalError } from '../../src/error.js';
import { type Call, CrashDisk, faultAt } from '../support/crash-disk/crash-disk.js';
import { mount } from '../support/crash-disk/mount.js';
import { seedCrypto } from '../support/crash-disk/seeded-crypto.js';
import { checkPromises, Ledger, live, openStore } from './store-life.js';

vi.mock('node:fs', async () => (await import('../support/crash-disk/node-fs.js')).nodeFs);
vi.mock(
  'node:fs/promises',
  async () => (await import('../support/crash-disk/node-fs-promises.js')).nodeFsPromises,
);
vi.mock('node:crypto', async () => (await import('../support/crash-disk/seeded-crypto.js')).seededCrypto);
vi.mock('level', () => import('../support/crash-disk/crash-level.js'));

const life = { seed: 3, steps: 18 };
const cutsPerFailure = 2;
const everything: readonly Call['what'][] = ['open', 'read', 'write', 'sync', 'names', 'look'];

/** What the call that failed last was to do. */
let failed: Call['what'] | undefined;

/** Lives until something fails, and then tries to sync once more. @returns the failure */
async function liveUntilFailure(ledger: Ledger): Promise<unknown> {
  let store: Awaited<ReturnType<typeof openStore>>;
  try {
    store = await openStore(() => {});
  } catch (error) {
    return error;
  }
  let current = store;
  let failure: unknown;
  try {
    current = await live(store, ledger, life, (reopened) => {
      current = reopened;
    });
  } catch (error) {
    failure = error;
    const synced = current.chunks.sync();
    if (failed === 'write' || failed === 'sync')
      await expect(synced, 'a sync after what could not be written').rejects.toBeInstanceOf(ShoalError);
    else await synced.catch(() => {}); // either is right: nothing that was to be written is missing
  }
  await current.close().catch((error: unknown) => {
    failure ??= error;
  });
  return failure;
}

/** Opens the store again: after a power cut, and without one, when what was never written may still be read. */
async function checkAfterFailure(disk: CrashDisk, ledger: Ledger, number: number): Promise<void> {
  disk.fault = () => undefined;
  const count = disk.operations.length;
  for (let cut = 0; cut < cutsPerFailure; cut++) {
    mount(disk.afterCrash({ count, seed: cutsPerFailure * number + cut }));
    const reopened = await openStore();
    await checkPromises(reopened, ledger, count);
    await reopened.close();
  }
  mount(disk);
  const reopened = await openStore();
  const seen = await checkPromises(reopened, ledger, count);
  await reopened.chunks.sync(); // what is seen now is promised again
  const store = await live(reopened, seen, { seed: number, steps: 5 });
  const later = disk.operations.length;
  await store.close();
  mount(disk.afterCrash({ count: later, seed: number }));
  const last = await openStore();
  await checkPromises(last, seen, later);
  await last.close();
}

it.each([
  { code: 'EIO', goesOn: false, kinds: everything, says: /disk reports an error|damaged/ },
  {
    code: 'ENOSPC',
    goesOn: true,
    kinds: ['write', 'open', 'names'] as const,
    says: /disk is full: free some space/,
  },
  {
    code: 'EMFILE',
    goesOn: false,
    kinds: ['open'] as const,
    says: /too many files are open: raise the limit/,
  },
])('tells $code at any call, and keeps what it promised', async ({ code, goesOn, kinds, says }) => {
  let failures = 0;
  for (let number = 1; ; number++) {
    seedCrypto(1);
    const disk = mount(CrashDisk.empty());
    const ledger = new Ledger();
    const fault = faultAt(number, code, kinds, { goesOn });
    failed = undefined;
    disk.fault = (call) => {
      const told = fault(call);
      // Names of packs are synced when one was made, and when one was removed: the latter keeps nothing from being written.
      if (told === code) failed = call.what === 'sync' && call.path.endsWith('/packs') ? 'names' : call.what;
      return told;
    };
    const failure = await liveUntilFailure(ledger);
    const where = `${code} at call ${number}`;
    if (failure !== undefined) {
      failures++;
      expect(failure, where).toBeInstanceOf(ShoalError);
      expect((failure as ShoalError).message, where).toMatch(says);
    }
    await checkAfterFailure(disk, ledger, number);
    if (disk.calls < number) break;
  }
  expect(failures).toBeGreaterThan(20);
});
