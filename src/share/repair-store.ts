/**
 * Brings a store back whose index is damaged or gone: the index is made again from the packs and from what can be read
 * of the old one, whose files are kept in quarantine. The share must not be running.
 *
 * What comes back may be of an earlier time: an older count of this device's writes, an older tree. So the share takes
 * a new actor before it counts another write, or one dot would stand for two writes. A note beside the store says so
 * from before the rebuild until that is done, whatever crashes in between.
 */
import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ShoalError, systemCode } from '../error.js';
import { rebuildStore } from '../store/index.js';
import { pendingTicketKey } from './create.js';
import type { Layout } from './layout.js';
import type { Replica } from './replica.js';
import { writeDurably } from './secrets.js';

/** Whether `error` says that the index of the store is damaged, so that a rebuild can help. */
export function isIndexDamage(layout: Layout, error: unknown): boolean {
  if (!(error instanceof ShoalError)) return false;
  if (error.code === 'STORE_DAMAGED') return true;
  // Keys and settings that cannot be read, and a newer format, have the same code, and stay as they are.
  const { path, version } = error.data;
  return error.code === 'STORE_UNOPENABLE' && path === layout.store && version === undefined;
}

/** @throws ShoalError SHARE_BUSY if a process has the store open; STORE_FAILED; CANCELLED */
export async function rebuildIndex(
  layout: Layout,
  options: { now: () => number; signal: AbortSignal },
): Promise<void> {
  const run = new Date(options.now()).toISOString().replaceAll(':', '-');
  await writeDurably(layout.rebuilt, `${run}\n`);
  const quarantine = join(layout.state, 'quarantine', run);
  await rebuildStore(layout.store, { quarantine, signal: options.signal });
}

/** Takes a new actor if the store was rebuilt since the last one was taken. Call once the members are known. */
export async function settleRebuild(layout: Layout, replica: Replica): Promise<void> {
  if (!(await isThere(layout.rebuilt))) return;
  // A ticket that was brought long ago may have come back; nobody answers a member that brings one.
  if ((await replica.store.getRecord('member', replica.device)) !== undefined)
    await replica.store.commit([{ kind: 'state', key: pendingTicketKey, delete: true }], { durable: true });
  await replica.takeNewActor(replica.state.headTime);
  await rm(layout.rebuilt);
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return false;
    throw new ShoalError('IO', `${path} cannot be looked at: check its permissions.`, { cause });
  }
}
