/**
 * Status: what `shoal status --json` shows, of a running daemon or of a share at rest. The fields are a contract
 * with scripts; see docs/ for what they mean.
 */
import { type ChunkId, hashBackend } from '../chunking/index.js';
import { escapeForDisplay } from '../folder/index.js';
import { decodeEntry, hasConflictName } from '../manifest/index.js';
import { type DeviceId, decodeHead, decodeMemberRecord, type ShareId } from '../trust/index.js';
import type { Daemon } from './daemon.js';
import { type OpenShare, ownRole } from './open-share.js';
import { diskBytesUnder } from './space.js';

export interface Transfer {
  /** Every byte taken from, or handed to, the network: encryption and gossip included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Bytes of chunks alone, as encoded. */
  readonly payloadIn: number;
  readonly payloadOut: number;
}

export interface PeerStatus {
  readonly device: DeviceId;
  readonly name: string;
  readonly address: string | null;
  readonly state: 'connected' | 'dialling' | 'waiting' | 'no-address' | 'offline';
  readonly transport: 'udp' | null;
  readonly root: ChunkId | null;
  readonly inSync: boolean;
  /** ISO 8601 */
  readonly lastSeen: string | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface Status {
  readonly share: ShareId;
  readonly device: DeviceId;
  readonly name: string;
  readonly role: string;
  readonly root: ChunkId;
  readonly watching: boolean;
  readonly address: { readonly host: string; readonly port: number };
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly store: {
    readonly chunks: number;
    readonly bytes: number;
    readonly plainBytes: number;
    readonly hash: string;
    readonly damaged: number;
    /** All files of the store's directory as the disk counts them: packs, index, logs. */
    readonly diskBytes: number;
    /** What `verify --repair` kept in `.shoal/quarantine`. */
    readonly quarantineBytes: number;
  };
  readonly peers: readonly PeerStatus[];
  readonly pending: { readonly files: number; readonly bytes: number };
  readonly conflicts: readonly string[];
  readonly blocked: readonly { readonly path: string; readonly reason: string }[];
  readonly held: { readonly deletions: number; readonly of: number } | null;
  readonly inSync: boolean;
  readonly transfer: Transfer;
}

/** Status of a share that this process runs. */
export async function statusOf(daemon: Daemon): Promise<Status> {
  return {
    ...(await describeShare(daemon.share)),
    role: daemon.mesh.role(daemon.share.replica.device) ?? 'none',
    watching: daemon.isWatching,
    address: daemon.mesh.address,
    peers: describePeers(daemon),
    pending: daemon.pending,
    blocked: daemon.blocked,
    held: daemon.held ?? null,
    inSync: daemon.isInSync && daemon.held === undefined && daemon.blocked.length === 0,
    transfer: daemon.mesh.traffic,
  };
}

/** Status of a share that no process runs: what was known when the last one ended. */
export async function statusAtRest(share: OpenShare): Promise<Status> {
  const peers = await peersAtRest(share);
  return {
    ...(await describeShare(share)),
    role: (await ownRole(share)) ?? 'none',
    watching: false,
    address: { host: '0.0.0.0', port: share.config.port },
    peers,
    pending: { files: 0, bytes: 0 },
    blocked: [],
    held: null,
    inSync: peers.every((peer) => peer.inSync),
    transfer: { bytesIn: 0, bytesOut: 0, payloadIn: 0, payloadOut: 0 },
  };
}

export function describePeers({ mesh, share }: Pick<Daemon, 'mesh' | 'share'>): PeerStatus[] {
  return mesh.peers.map(({ device, state, address, head, lastHeardAt }) => {
    const session = mesh.session(device);
    // Without a session: its newest head is the last that was heard of it.
    const seenAt = lastHeardAt ?? head?.head.time;
    return {
      device,
      name: escapeForDisplay(mesh.nameOf(device)),
      address: address ?? null,
      state,
      transport: session === undefined ? null : 'udp',
      root: head?.head.root ?? null,
      inSync: mesh.isAt(device, share.replica.root),
      lastSeen: seenAt === undefined ? null : new Date(seenAt).toISOString(),
      bytesIn: session?.bytesIn ?? 0,
      bytesOut: session?.bytesOut ?? 0,
    };
  });
}

async function describeShare({ replica, config, store, layout, folder }: OpenShare) {
  const totals = await replica.tree.totals(replica.root);
  const { chunks, bytes, plainBytes } = await store.chunks.totals();
  const conflicts: string[] = [];
  for await (const heads of replica.tree.heads(replica.root)) {
    // Only what has such a name is looked into: a copy that is renamed is an ordinary file.
    for (const { path, kind, bytes } of heads) {
      if (kind === 'deleted' || !hasConflictName(path)) continue;
      const entry = decodeEntry(bytes);
      if ((entry.kind === 'file' || entry.kind === 'symlink') && entry.conflictOf !== undefined)
        conflicts.push(escapeForDisplay(path));
    }
  }
  return {
    share: config.share,
    device: replica.device,
    name: config.name,
    root: replica.root,
    files: totals.files,
    directories: totals.directories,
    bytes: totals.bytes,
    store: {
      ...{ chunks, bytes, plainBytes, hash: hashBackend(), damaged: store.chunks.damagedIds().length },
      diskBytes: await diskBytesUnder(layout.store),
      quarantineBytes: (await folder.quarantineTotals()).bytes,
    },
    conflicts,
  };
}

async function peersAtRest({ config, store, replica }: OpenShare): Promise<PeerStatus[]> {
  const peers: PeerStatus[] = [];
  for await (const [, bytes] of store.records('member')) {
    const { record } = decodeMemberRecord(config.share, bytes);
    if (record.device === replica.device || record.role === 'revoked') continue;
    const headBytes = await store.getRecord('head', record.device);
    const head = headBytes === undefined ? undefined : decodeHead(config.share, headBytes).head;
    const address = await store.getRecord('address', record.device);
    peers.push({
      device: record.device,
      name: escapeForDisplay(record.name),
      address: address === undefined ? null : Buffer.from(address).toString('utf8'),
      state: 'offline',
      transport: null,
      root: head?.root ?? null,
      inSync: head?.root === replica.root,
      lastSeen: head === undefined ? null : new Date(head.time).toISOString(),
      bytesIn: 0,
      bytesOut: 0,
    });
  }
  return peers;
}
