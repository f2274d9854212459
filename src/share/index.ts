/**
 * The share as a whole: what the commands call, and what a program that embeds Shoal uses. Each function is one
 * command's work; it prints nothing.
 */
import { rm } from 'node:fs/promises';
import { isShoalError, ShoalError } from '../error.js';
import { holdsMoreThan } from '../folder/index.js';
import { decodeTicket, encodeTicket, type Ticket, ticketAddressesMax } from '../trust/index.js';
import { makeTicket } from './admission.js';
import { SearchedPeers } from './chunk-source.js';
import { claimMembership } from './claim.js';
import { type CollectOptions, type CollectProgress, type CollectResult, collect } from './collect.js';
import { parseAddress } from './config.js';
import { askRunning } from './control-client.js';
import { createReplica, createShare, type ShareParts } from './create.js';
import type { Daemon, DaemonOptions } from './daemon.js';
import { withDeadline } from './deadline.js';
import type { DryRunResult } from './dry-run.js';
import { dryRunHere } from './dry-run-process.js';
import { jobMax } from './ingest.js';
import { IngestThreads } from './ingest-threads.js';
import { controlSocketPath, type Layout } from './layout.js';
import { type OpenShare, openWith, ownRole } from './open-share.js';
import { ownAddresses } from './own-address.js';
import { isIndexDamage, rebuildIndex } from './repair-store.js';
import { askOrOpen, runShare } from './run.js';
import { type ScanResult, scan } from './scan.js';
import { type AskSpace, assertRoomForSnapshot } from './space.js';
import { type Status, statusAtRest } from './status.js';
import { type SyncResult, syncOnce } from './sync.js';
import type { VerifyOptions, VerifyProgress } from './verify.js';
import { type VerifyResult, verifyShare } from './verify-share.js';

export type { CollectProgress, CollectResult } from './collect.js';
export { parseAddress } from './config.js';
export type { Counts, Daemon } from './daemon.js';
export type { DryRunPaths, DryRunResult } from './dry-run.js';
export type { ShareEvent, ShareListener } from './event.js';
export { findShare, type Layout } from './layout.js';
export { parseRate } from './rate.js';
export type { PeerStatus, Status, Transfer } from './status.js';
export type { SyncResult } from './sync.js';
export type { VerifyProgress } from './verify.js';
export type { VerifyResult } from './verify-share.js';

export interface InitResult {
  readonly share: string;
  readonly device: string;
  readonly path: string;
  readonly root: string;
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  readonly blocked: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * `shoal init`: makes `directory` a share and takes its first snapshot.
 * @throws ShoalError NO_SPACE if its content may not fit into the store: the folder is as it was then
 */
export async function initShare(options: {
  directory: string;
  name?: string | undefined;
  now: () => number;
  onProgress?: (progress: { files: number; bytes: number }) => void;
  askSpace?: AskSpace;
  signal?: AbortSignal;
}): Promise<InitResult> {
  const threads = new IngestThreads();
  try {
    // They start while the share is made, which is mostly waiting.
    const parts = await createShare(options, (root) => {
      if (holdsMoreThan(root, jobMax)) threads.start();
    });
    try {
      return await takeFirstSnapshot(parts, threads, options);
    } catch (error) {
      // Nothing but keys was made: it is taken away again, so that the folder can be made a share when there is space.
      if (isShoalError(error, 'NO_SPACE')) await rm(parts.layout.state, { recursive: true, force: true });
      throw error;
    }
  } finally {
    await threads.close();
  }
}

async function takeFirstSnapshot(
  parts: ShareParts,
  threads: IngestThreads,
  options: Parameters<typeof initShare>[0],
): Promise<InitResult> {
  const share = await openWith(parts, options);
  try {
    const { replica, folder } = share;
    const { onProgress, signal } = options;
    await assertRoomForSnapshot(folder, options.askSpace ?? (() => folder.space()), signal);
    const result: ScanResult = await scan({
      replica,
      folder,
      mayWrite: true,
      deletionsApproved: true,
      now: options.now,
      threads,
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    });
    const totals = await replica.tree.totals(replica.root);
    return {
      share: replica.share,
      device: replica.device,
      path: share.layout.root,
      root: replica.root,
      files: totals.files,
      directories: totals.directories,
      bytes: totals.bytes,
      blocked: [...result.blocked].map(([path, reason]) => ({ path, reason })),
    };
  } finally {
    await share.close();
  }
}

export interface Invitation {
  readonly ticket: string;
  readonly addresses: readonly string[];
  readonly role: 'rw' | 'ro';
  readonly expires: number;
}

/** `shoal invite`: makes a ticket, here or in the process that runs the share. */
export async function invite(
  layout: Layout,
  options: { role: 'rw' | 'ro'; expires: number; addresses: readonly string[]; now: () => number },
): Promise<Invitation> {
  const { role, expires } = options;
  if (options.addresses.length > ticketAddressesMax) {
    throw new ShoalError(
      'USAGE',
      `A ticket holds at most ${ticketAddressesMax} addresses: name fewer of them.`,
    );
  }
  const addresses = options.addresses.map((address) => parseAddress(address));
  return askOrOpen<Invitation>(
    layout,
    { command: 'invite', arguments: { role, expires, addresses } },
    async (share) => {
      const known = addresses.length > 0 ? addresses : ownAddresses(share.config.port);
      const ticket = await makeTicket(share.replica, { role, expires, addresses: known });
      return { ticket: encodeTicket(ticket), addresses: known, role, expires };
    },
    options.now,
  );
}

export interface JoinResult {
  readonly share: string;
  readonly path: string;
  /** False: the inviter did not answer in time; `watch` and `sync` go on trying. */
  readonly joined: boolean;
  readonly role: 'rw' | 'ro';
  readonly inviter: string;
}

/** `shoal join`: makes `directory` a replica. @throws ShoalError REFUSED: the ticket is wrong, used or expired */
export async function joinShare(options: {
  ticket: string;
  directory: string;
  name?: string | undefined;
  waitMs: number;
  now: () => number;
  signal: AbortSignal;
}): Promise<JoinResult> {
  const ticket = decodeTicket(options.ticket);
  const parts = await createReplica(options, ticket);
  try {
    return await claimHere(parts, ticket, options);
  } catch (error) {
    // A ticket that was turned down leaves nothing behind: the folder is free for the next one.
    if (isShoalError(error, 'REFUSED')) await rm(parts.layout.state, { recursive: true, force: true });
    throw error;
  }
}

async function claimHere(
  parts: ShareParts,
  ticket: Ticket,
  options: { waitMs: number; now: () => number; signal: AbortSignal },
): Promise<JoinResult> {
  const share = await openWith(parts, options);
  try {
    const { name } = share.config;
    const { secrets } = share.replica;
    const joined = await withDeadline({ signal: options.signal, timeoutMs: options.waitMs }, (signal) =>
      claimMembership(share.store, { secrets, ticket, name, signal }),
    );
    return {
      share: ticket.share,
      path: share.layout.root,
      joined,
      role: ticket.role,
      inviter: ticket.inviter,
    };
  } finally {
    await share.close();
  }
}

export type RunOptions = Omit<DaemonOptions, 'watch'>;

/** `shoal watch`: runs the share until `signal` aborts. @throws ShoalError what ended it otherwise */
export async function watchShare(layout: Layout, options: RunOptions): Promise<void> {
  await runShare(layout, { ...options, watch: true }, async (daemon: Daemon) => {
    await daemon.until(() => daemon.fatal !== undefined, options.signal);
    if (daemon.fatal !== undefined) throw daemon.fatal;
  });
}

/** `shoal sync`: asks the running watch, or runs the share until all members agree. */
export async function syncShare(
  layout: Layout,
  options: RunOptions & { timeoutMs: number },
): Promise<SyncResult> {
  const peers = options.peers.map((peer) => parseAddress(peer));
  const question = {
    command: 'sync',
    arguments: { peers, timeoutMs: options.timeoutMs },
    signal: options.signal,
  };
  const answered = await askRunning(await controlSocketPath(layout), question);
  if (answered !== undefined) return answered as SyncResult;
  const startedAt = options.now();
  return withDeadline(options, (signal) =>
    runShare(layout, { ...options, signal, watch: false }, (daemon) =>
      syncOnce(daemon, { isFresh: true, startedAt, now: options.now, signal }),
    ),
  );
}

/** `shoal sync --dry-run`: what `syncShare` would do now. Changes neither the folder nor what peers have. */
export async function dryRunSync(
  layout: Layout,
  options: RunOptions & { timeoutMs: number },
): Promise<DryRunResult> {
  const peers = options.peers.map((peer) => parseAddress(peer));
  // A command of its own, not an argument of `sync`: a watch of an older version that did not know it would really sync.
  const question = {
    command: 'dry-run',
    arguments: { peers, timeoutMs: options.timeoutMs },
    signal: options.signal,
  };
  const answered = await askRunning(await controlSocketPath(layout), question);
  return answered === undefined ? dryRunHere(layout, options) : (answered as DryRunResult);
}

/** `shoal status` */
export function shareStatus(layout: Layout, now: () => number): Promise<Status> {
  return askOrOpen<Status>(layout, { command: 'status' }, (share) => statusAtRest(share), now);
}

/** `shoal verify`: here or in the process that runs the share. */
export async function verify(
  layout: Layout,
  options: VerifyOptions & {
    repair: boolean;
    random: () => number;
    /** How long to look for peers where nobody runs the share. */
    patienceMs?: number;
    signal: AbortSignal;
  },
): Promise<VerifyResult> {
  const { files, store, repair, limitMs, onProgress, signal, now, random } = options;
  const question = {
    command: 'verify',
    arguments: { files, store, repair, ...(limitMs === undefined ? {} : { limitMs }) },
    signal,
    onProgress: (progress: unknown) => onProgress?.(progress as VerifyProgress),
  };
  let isRebuilt = false;
  const here = async (share: OpenShare): Promise<VerifyResult> => {
    const source = repair
      ? new SearchedPeers(share, { now, random, patienceMs: options.patienceMs })
      : undefined;
    try {
      return await verifyShare(share, { ...options, source, mayAdopt: true, isRebuilt });
    } finally {
      await source?.close();
    }
  };
  const ask = (): Promise<VerifyResult> => askOrOpen<VerifyResult>(layout, question, here, now);
  try {
    return await ask();
  } catch (error) {
    if (!repair || !isIndexDamage(layout, error)) throw error;
  }
  await rebuildIndex(layout, { now, signal });
  isRebuilt = true;
  return ask();
}

/** `shoal gc`: frees what no retained root needs, here or in the process that runs the share. */
export function collectGarbage(
  layout: Layout,
  options: CollectOptions & { readonly signal: AbortSignal },
): Promise<CollectResult> {
  const { keepMs, onProgress, signal, now } = options;
  const question = {
    command: 'gc',
    arguments: { keepMs },
    signal,
    ...(onProgress === undefined
      ? {}
      : { onProgress: (progress: unknown) => onProgress(progress as CollectProgress) }),
  };
  return askOrOpen<CollectResult>(layout, question, (share) => collect(share, options), now);
}

/** `shoal approve`: lets the deletions through that the guard holds. @returns how many */
export async function approveDeletions(layout: Layout, now: () => number): Promise<{ approved: number }> {
  return askOrOpen<{ approved: number }>(
    layout,
    { command: 'approve' },
    async (share) => {
      const mayWrite = (await ownRole(share)) === 'rw';
      const { replica, folder } = share;
      const { deleted } = await scan({ replica, folder, mayWrite, deletionsApproved: true, now });
      return { approved: deleted };
    },
    now,
  );
}

export type { DeviceId, ShareId } from '../trust/index.js';
