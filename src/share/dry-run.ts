/**
 * Dry run: what a sync would do, told without doing it. The real scan, merge and plan work on a rehearsal of the
 * replica, whose commits keep nothing; nothing is applied, no head is signed, and no chunk of a file is fetched. The store
 * gets tree nodes that nothing refers to: garbage.
 *
 * Memory goes with what differs, as it does for a plan: the paths are counted once each, over all peers.
 */
import { isShoalError, ShoalError } from '../error.js';
import { escapeForDisplay } from '../folder/index.js';
import { mergeTrees, type RelPath } from '../manifest/index.js';
import { withDeadline } from './deadline.js';
import type { Mesh } from './mesh.js';
import type { OpenShare } from './open-share.js';
import { makePlan, originOfCopy, type Plan, type Step } from './plan.js';
import { pullTargets } from './pull-targets.js';
import { pullTree } from './pull-tree.js';
import { mendStructure } from './reconcile.js';
import type { Replica } from './replica.js';
import { scan } from './scan.js';
import { describePeers } from './status.js';
import { hasToldItsHead, type SyncResult, trafficSince } from './sync.js';

/** Names, escaped for display; of each kind at most `pathsPerKindMax`, while `changed` counts all. */
export interface DryRunPaths {
  readonly sent: readonly string[];
  readonly received: readonly string[];
  readonly deleted: readonly string[];
  readonly conflicts: readonly string[];
}

/** As of a sync, but for what would be: `inSync` says whether it would end with all members at one root. */
export interface DryRunResult extends SyncResult {
  readonly dryRun: true;
  readonly paths: DryRunPaths;
}

export interface DryRunOptions {
  readonly share: OpenShare;
  readonly mesh: Mesh;
  /** Resolves when `isReached` holds, with true, or when `signal` aborts; asks again whenever the mesh has news. */
  readonly until: (isReached: () => boolean, signal: AbortSignal) => Promise<boolean>;
  /** How long to wait for the members: who has not told its head by then was not reached. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

const pathsPerKindMax = 1000;

/** @throws ShoalError CANCELLED when `signal` aborts */
export async function dryRun(options: DryRunOptions): Promise<DryRunResult> {
  const { share, mesh, until, timeoutMs, signal, now } = options;
  const startedAt = now();
  const trafficBefore = mesh.traffic;
  const isReached = await withDeadline({ signal, timeoutMs }, (inTime) =>
    until(() => mesh.peers.every(({ device }) => hasToldItsHead(mesh, device)), inTime),
  );
  if (signal.aborted) throw new ShoalError('CANCELLED', 'Interrupted; nothing was changed.');
  // As one activity: no collection takes away the nodes of a tree that only this run knows.
  const rehearsed = await share.replica.activity.run(() => rehearse(options));
  const { held, blocked, received, deleted, conflicts, sent, isWhole } = rehearsed;
  const changed = {
    sent: sent.size,
    received: received.length,
    deleted: deleted.length,
    conflicts: conflicts.length,
  };
  return {
    dryRun: true,
    root: share.replica.root,
    inSync: isReached && isWhole && held === undefined,
    changed,
    paths: {
      sent: shown(sent),
      received: shown(received),
      deleted: shown(deleted),
      conflicts: shown(conflicts),
    },
    peers: describePeers({ mesh, share }),
    transfer: trafficSince(mesh, trafficBefore),
    held: held ?? null,
    blocked: [...blocked].map(([path, reason]) => ({ path: escapeForDisplay(path), reason })),
    seconds: (now() - startedAt) / 1000,
  };
}

async function rehearse({ share, mesh, signal, now }: DryRunOptions) {
  const { folder } = share;
  const mayWrite = mesh.role(share.replica.device) === 'rw';
  const replica = share.replica.rehearse();
  const { held, blocked } = await scan({
    ...{ replica, folder, mayWrite, deletionsApproved: false, now, signal },
  });
  return {
    ...{ held, blocked },
    ...(await rehearseMerges(replica, { before: share.replica, mesh, mayWrite, signal })),
  };
}

interface Surroundings {
  /** The replica as it is. */
  readonly before: Replica;
  readonly mesh: Mesh;
  readonly mayWrite: boolean;
  readonly signal: AbortSignal;
}

/** @param rehearsal - after the scan */
async function rehearseMerges(rehearsal: Replica, { before, mesh, mayWrite, signal }: Surroundings) {
  const { tree } = rehearsal;
  const scanned = rehearsal.root;
  const own = await visibleSteps(rehearsal, before.root, scanned);
  const sent = new Set(own.map(({ path }) => path));
  let merged = scanned;
  let isWhole = true;
  for (const { root, sources } of pullTargets(mesh, before.device, scanned)) {
    if (!(await isPulled(() => pullTree(before, mesh.fetcher, root, sources, signal)))) {
      isWhole = false;
      continue;
    }
    const together = await mergeTrees(tree, merged, root);
    merged = mayWrite ? await mendStructure(rehearsal, merged, together) : together;
    if (!mayWrite) continue;
    const there = await mergeTrees(tree, root, scanned);
    // A conflict copy is of no path of its own: what a person changed is where it came from.
    for (const step of await visibleSteps(rehearsal, root, there)) sent.add(originOfCopy(step) ?? step.path);
  }
  const steps = await visibleSteps(rehearsal, scanned, merged);
  const pathsOf = (list: readonly Step[]): RelPath[] => list.map(({ path }) => path);
  return {
    sent,
    isWhole,
    received: pathsOf(steps.filter(({ work }) => work !== 'delete')),
    deleted: pathsOf(steps.filter(({ work }) => work === 'delete')),
    conflicts: pathsOf(steps.filter((step) => step.before === undefined && originOfCopy(step) !== undefined)),
  };
}

/** Whether a peer's tree came here: the peer may go meanwhile, as in any sync. */
async function isPulled(pull: () => Promise<void>): Promise<boolean> {
  try {
    await pull();
    return true;
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return false;
    throw error;
  }
}

/** What a person would see happen in a folder on the way from one tree to the other. */
async function visibleSteps({ tree }: Replica, from: Replica['root'], to: Replica['root']): Promise<Step[]> {
  return stepsOf(await makePlan(tree, from, to)).filter(({ work }) => work !== 'record');
}

function stepsOf({ clearing, directories, contents, deletions }: Plan): Step[] {
  return [...clearing, ...directories, ...contents, ...deletions];
}

function shown(paths: Iterable<RelPath>): string[] {
  const names: string[] = [];
  for (const path of paths) {
    if (names.length >= pathsPerKindMax) break;
    names.push(escapeForDisplay(path));
  }
  return names;
}
