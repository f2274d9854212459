/**
 * One sync, for `shoal sync` and cron: scan, then go on until every other member, seen in this run, has our root.
 */
import type { ChunkId } from '../chunking/index.js';
import type { DeviceId } from '../trust/index.js';
import type { Counts, Daemon } from './daemon.js';
import type { Mesh } from './mesh.js';
import { describePeers, type PeerStatus, type Transfer } from './status.js';

export interface SyncResult {
  readonly root: ChunkId;
  readonly inSync: boolean;
  readonly changed: Counts;
  readonly peers: readonly PeerStatus[];
  readonly transfer: Transfer;
  readonly held: { readonly deletions: number; readonly of: number } | null;
  readonly blocked: readonly { readonly path: string; readonly reason: string }[];
  readonly seconds: number;
}

const noCounts: Counts = { sent: 0, received: 0, deleted: 0, conflicts: 0 };
const noTraffic: Transfer = { bytesIn: 0, bytesOut: 0, payloadIn: 0, payloadOut: 0 };

/**
 * Runs until in sync, or held, or `signal` aborts. The daemon goes on.
 * @param options - `isFresh`: the daemon was started for this, so its first scan is the one that is wanted, and all
 * that it did counts
 */
export async function syncOnce(
  daemon: Daemon,
  options: { isFresh: boolean; startedAt: number; now: () => number; signal: AbortSignal },
): Promise<SyncResult> {
  const before = options.isFresh ? noCounts : { ...daemon.counts };
  const traffic = options.isFresh ? noTraffic : daemon.mesh.traffic;
  if (!options.isFresh) await daemon.scanNow();
  const isReached = (): boolean =>
    daemon.held !== undefined ||
    (daemon.isInSync && daemon.mesh.peers.every(({ device }) => hasToldItsHead(daemon.mesh, device)));
  const isDone = await daemon.until(isReached, options.signal);
  if (daemon.fatal !== undefined) throw daemon.fatal;
  return {
    root: daemon.share.replica.root,
    inSync: isDone && daemon.held === undefined,
    changed: {
      sent: daemon.counts.sent - before.sent,
      received: daemon.counts.received - before.received,
      deleted: daemon.counts.deleted - before.deleted,
      conflicts: daemon.counts.conflicts - before.conflicts,
    },
    peers: describePeers(daemon),
    transfer: trafficSince(daemon.mesh, traffic),
    held: daemon.held ?? null,
    blocked: daemon.blocked,
    seconds: (options.now() - options.startedAt) / 1000,
  };
}

/** In this run. A member that is not connected now may have gone on since it told its head. */
export function hasToldItsHead(mesh: Mesh, device: DeviceId): boolean {
  return mesh.hasFreshHead(device) && mesh.session(device) !== undefined;
}

export function trafficSince(mesh: Mesh, before: Transfer): Transfer {
  const after = mesh.traffic;
  return {
    bytesIn: after.bytesIn - before.bytesIn,
    bytesOut: after.bytesOut - before.bytesOut,
    payloadIn: after.payloadIn - before.payloadIn,
    payloadOut: after.payloadOut - before.payloadOut,
  };
}
