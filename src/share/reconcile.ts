/**
 * Reconcile: from a peer's root to the own folder. Pull the peer's tree, merge it with the own, fetch the chunks
 * that are missing, put files in place as they become whole, and enter them in the own tree.
 *
 * It may stop anywhere and begin again: chunks that arrived are in the store, files that are in place are in the tree.
 */
import type { ChunkId } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { Folder, Staged } from '../folder/index.js';
import {
  mendFault,
  mergeTrees,
  originOfDisplaced,
  type RelPath,
  sameEntry,
  structureFaults,
} from '../manifest/index.js';
import type { DeviceId } from '../trust/index.js';
import { type ApplyResult, apply, inspect, type ReadyStep } from './apply.js';
import { forEachConcurrent } from './concurrency.js';
import type { Fetcher } from './fetcher.js';
import { fileContent } from './file-content.js';
import { inFamilyOrder, makePlan, originOfCopy, type Plan, type Step } from './plan.js';
import { pullTree } from './pull-tree.js';
import type { Replica } from './replica.js';
import { type AskSpace, assertRoomForPlan, assertSomeRoom } from './space.js';

export interface ReconcileOptions {
  readonly replica: Replica;
  readonly folder: Folder;
  readonly fetcher: Fetcher;
  readonly mayWrite: boolean;
  readonly askSpace: AskSpace;
  /** The devices whose heads name the target: they hold everything under it. */
  readonly sources: readonly DeviceId[];
  readonly onPending?: (pending: { files: number; bytes: number }) => void;
  readonly onApplied?: (result: ApplyResult) => void;
  readonly signal?: AbortSignal;
}

export interface ReconcileResult {
  readonly applied: number;
  readonly deleted: number;
  readonly conflicts: readonly RelPath[];
  readonly differing: readonly RelPath[];
  readonly blocked: ReadonlyMap<RelPath, string>;
  /** Files whose chunks no peer could give now. */
  readonly missing: readonly RelPath[];
}

/** Files that are fetched and written side by side: enough to hide the latency of small ones. */
const filesAtOnce = 96;
/** Steps are entered in the tree in batches of at most so many. */
const stepsPerBatch = 256;

/** @throws ShoalError NO_SPACE if what is to be fetched and put in place may not fit: nothing was done then */
export function reconcile(target: ChunkId, options: ReconcileOptions): Promise<ReconcileResult> {
  return options.replica.activity.run(() => reconcileTo(target, options));
}

async function reconcileTo(target: ChunkId, options: ReconcileOptions): Promise<ReconcileResult> {
  const { replica, folder, fetcher, sources, askSpace, signal } = options;
  await assertSomeRoom(folder, askSpace);
  await pullTree(replica, fetcher, target, sources, signal);
  const own = replica.root;
  const merged = await mergeTrees(replica.tree, own, target);
  const whole = options.mayWrite ? await mendStructure(replica, own, merged) : merged;
  const plan = await makePlan(replica.tree, own, whole);
  const obtain = (id: ChunkId, bytes: number): Promise<void> => fetcher.fetch(id, bytes, sources);
  await assertRoomForPlan(plan, { replica, folder, askSpace, obtain });
  return new Reconciliation(options).run(plan);
}

/**
 * Merging is per path, so something live may come to lie under what is no directory. There the directory comes
 * back, and a file in its place moves to its conflict name, as writes of this device. Two devices that do so at
 * once write the same content, which is no conflict. A read-only device waits for one that may write.
 */
export async function mendStructure(replica: Replica, own: ChunkId, merged: ChunkId): Promise<ChunkId> {
  const changed: RelPath[] = [];
  for await (const { path } of replica.tree.diff(own, merged)) changed.push(path);
  const faults = await structureFaults(replica.tree, merged, changed);
  if (faults.length === 0) return merged;
  return replica.tree.apply(
    merged,
    faults.flatMap((fault) => mendFault(fault, replica.nextWrite(0n))),
  );
}

class Reconciliation {
  readonly #options: ReconcileOptions;
  readonly #differing: RelPath[] = [];
  readonly #blocked = new Map<RelPath, string>();
  readonly #missing: RelPath[] = [];
  readonly #conflicts: RelPath[] = [];
  #applied = 0;
  #deleted = 0;
  readonly #ready: ReadyStep[] = [];
  #placing: Promise<void> = Promise.resolve();

  constructor(options: ReconcileOptions) {
    this.#options = options;
  }

  async run(plan: Plan): Promise<ReconcileResult> {
    const { first, main, last } = inFamilyOrder(plan);
    await this.#applyAll(first.directories);
    await this.#contents(first.contents);
    const waiting = await this.#origins(first.contents);
    const stands = ({ path }: Step): boolean => !waiting.has(path);
    await this.#applyAll(main.clearing.filter(stands));
    await this.#applyAll(main.directories.filter(stands));
    await this.#contents(main.contents.filter(stands));
    const settled = (step: Step): boolean => !waiting.has(originOfDisplaced(step.before) ?? step.path);
    await this.#contents(last.contents.filter(settled));
    await this.#applyAll(last.deletions.filter(settled));
    return {
      applied: this.#applied,
      deleted: this.#deleted,
      conflicts: this.#conflicts,
      differing: this.#differing,
      blocked: this.#blocked,
      missing: this.#missing,
    };
  }

  /** The origins of those conflict copies that are not in the own tree yet: they have to wait. */
  async #origins(copies: readonly Step[]): Promise<ReadonlySet<RelPath>> {
    const { tree, root } = this.#options.replica;
    const waiting = new Set<RelPath>();
    for (const step of copies) {
      const origin = originOfCopy(step);
      if (origin !== undefined && !sameEntry(await tree.get(root, step.path), step.after))
        waiting.add(origin);
    }
    return waiting;
  }

  async #contents(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    let files = steps.length;
    let bytes = 0;
    for (const step of steps) bytes += bytesOf(step);
    this.#options.onPending?.({ files, bytes });
    const work = async (step: Step): Promise<void> => {
      this.#options.signal?.throwIfAborted();
      const staged = await this.#stage(step);
      if (staged !== 'missing' && staged !== 'blocked')
        await this.#placed({ ...step, ...(staged === undefined ? {} : { staged }) });
      files--;
      bytes -= bytesOf(step);
      this.#options.onPending?.({ files, bytes });
    };
    try {
      await forEachConcurrent(steps, filesAtOnce, work);
    } finally {
      for (const { staged } of this.#ready.splice(0)) await staged?.discard();
    }
  }

  /** Writes the content of a file while its chunks arrive. */
  async #stage({ path, before, after, work }: Step): Promise<Staged | undefined | 'missing' | 'blocked'> {
    if (work !== 'content' || after?.kind !== 'file') return undefined;
    const { replica, folder, fetcher, sources, signal } = this.#options;
    const early = await inspect(replica, folder, { path, before });
    if (early.outcome === 'blocked') {
      this.#blocked.set(path, early.reason);
      return 'blocked';
    }
    const obtain = (id: ChunkId, bytes: number): Promise<void> => fetcher.fetch(id, bytes, sources);
    try {
      const staged = await folder.stage(after, fileContent(replica, after, obtain), signal);
      if (!('outcome' in staged)) return staged;
      this.#blocked.set(path, staged.reason);
      return 'blocked';
    } catch (error) {
      if (!isShoalError(error, 'CHUNK_MISSING')) throw error;
      this.#missing.push(path);
      return 'missing';
    }
  }

  /** Puts a whole file in place, in a batch with the others that are ready. */
  async #placed(step: ReadyStep): Promise<void> {
    this.#ready.push(step);
    this.#placing = this.#placing.then(() => this.#applyAll(this.#ready.splice(0)));
    await this.#placing;
  }

  async #applyAll(steps: readonly ReadyStep[]): Promise<void> {
    for (let from = 0; from < steps.length; from += stepsPerBatch) {
      const result = await apply(
        this.#options.replica,
        this.#options.folder,
        steps.slice(from, from + stepsPerBatch),
        this.#options.signal,
      );
      this.#count(result);
      this.#options.onApplied?.(result);
    }
  }

  #count(result: ApplyResult): void {
    for (const step of result.applied) {
      if (step.work === 'delete') this.#deleted++;
      else if (step.work !== 'record') this.#applied++;
      if (step.before === undefined && originOfCopy(step) !== undefined) this.#conflicts.push(step.path);
    }
    this.#differing.push(...result.differing);
    for (const [path, reason] of result.blocked) this.#blocked.set(path, reason);
  }
}

function bytesOf({ after, work }: Step): number {
  return work === 'content' && after?.kind === 'file' ? after.size : 0;
}
