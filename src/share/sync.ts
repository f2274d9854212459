/**
 * One sync, for `shoal sync` and cron: scan, then go on until every other member, seen in this run, has our root.
 */
import type { ChunkId } from '../chunking/index.js';
import type { DeviceId } from '../trust/index.js';
import type { Counts, Daemon } from './daemon.js';
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
  // A member that is not connected now may have gone on since it told its head.
  const seen = (device: DeviceId): boolean =>
    daemon.mesh.hasFreshHead(device) && daemon.mesh.session(device) !== undefined;
  const isReached = (): boolean =>
    daemon.held !== undefined || (daemon.isInSync && daemon.mesh.peers.every(({ device }) => seen(device)));
  const isDone = await daemon.until(isReached, options.signal);
  if (daemon.fatal !== undefined) throw daemon.fatal;
  const after = daemon.mesh.traffic;
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
    transfer: {
      bytesIn: after.bytesIn - traffic.bytesIn,
      bytesOut: after.bytesOut - traffic.bytesOut,
      payloadIn: after.payloadIn - traffic.payloadIn,
      payloadOut: after.payloadOut - traffic.payloadOut,
    },
    held: daemon.held ?? null,
    blocked: daemon.blocked,
    seconds: (options.now() - options.startedAt) / 1000,
  };
}
