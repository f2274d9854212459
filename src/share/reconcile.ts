/**
 * Reconcile: from a peer's root to the own folder. Pull the peer's tree, merge it with the own, fetch the chunks
 * that are missing, put files in place as they become whole, and enter them in the own tree.
 *
 * It may stop anywhere and begin again: chunks that arrived are in the store, files that are in place are in the tree.
 */
import { type ChunkId, chunkBytesMax } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { Folder } from '../folder/index.js';
import {
  type Entry,
  type FileEntry,
  mendFault,
  mergeTrees,
  type Part,
  type RelPath,
  recipeReferences,
  structureFaults,
} from '../manifest/index.js';
import type { DeviceId } from '../trust/index.js';
import { type ApplyResult, apply } from './apply.js';
import { forEachConcurrent } from './concurrency.js';
import type { Fetcher } from './fetcher.js';
import { makePlan, type Plan, type Step } from './plan.js';
import { pullTree } from './pull-tree.js';
import { chunkMissing, type Replica } from './replica.js';

export interface ReconcileOptions {
  readonly replica: Replica;
  readonly folder: Folder;
  readonly fetcher: Fetcher;
  readonly mayWrite: boolean;
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

/** Files whose chunks are fetched side by side. */
const filesAtOnce = 64;
/** Chunks of one file that are wanted side by side; the fetcher bounds their bytes. */
const partsAtOnce = 512;
/** Files that are whole are put in place in batches of at most so many. */
const applyBatch = 256;

export async function reconcile(target: ChunkId, options: ReconcileOptions): Promise<ReconcileResult> {
  const { replica, fetcher, sources, signal } = options;
  await pullTree(replica, fetcher, target, sources, signal);
  const own = replica.root;
  const merged = await mergeTrees(replica.tree, own, target);
  const whole = options.mayWrite ? await mendStructure(replica, own, merged) : merged;
  const plan = await makePlan(replica.tree, own, whole);
  return new Reconciliation(options).run(plan);
}

/**
 * Merging is per path, so something live may come to lie under what is no directory. There the directory comes
 * back, and a file in its place moves to its conflict name, as writes of this device. Two devices that do so at
 * once write the same content, which is no conflict. A read-only device waits for one that may write.
 */
async function mendStructure(replica: Replica, own: ChunkId, merged: ChunkId): Promise<ChunkId> {
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
  #ready: Step[] = [];
  #placing: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;

  constructor(options: ReconcileOptions) {
    this.#options = options;
  }

  async run(plan: Plan): Promise<ReconcileResult> {
    await this.#applyAll(plan.clearing);
    await this.#applyAll(plan.directories);
    await this.#contents(plan.contents);
    await this.#applyAll(plan.deletions);
    return {
      applied: this.#applied,
      deleted: this.#deleted,
      conflicts: this.#conflicts,
      differing: this.#differing,
      blocked: this.#blocked,
      missing: this.#missing,
    };
  }

  async #contents(steps: readonly Step[]): Promise<void> {
    let files = steps.length;
    let bytes = 0;
    for (const step of steps) bytes += bytesOf(step);
    this.#options.onPending?.({ files, bytes });
    await forEachConcurrent(steps, filesAtOnce, async (step) => {
      this.#options.signal?.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure.error;
      if (await this.#fetchContent(step)) this.#place(step);
      files--;
      bytes -= bytesOf(step);
      this.#options.onPending?.({ files, bytes });
    });
    while (this.#ready.length > 0) await this.#placing;
    await this.#placing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** @returns whether everything the step needs is in the store */
  async #fetchContent({ path, after, work }: Step): Promise<boolean> {
    if (work !== 'content' || after?.kind !== 'file') return true;
    try {
      await forEachConcurrent(this.#missingParts(after), partsAtOnce, (part) =>
        this.#options.fetcher.fetch(part.id, part.length, this.#options.sources),
      );
      return true;
    } catch (error) {
      if (!isShoalError(error, 'CHUNK_MISSING')) throw error;
      this.#missing.push(path);
      return false;
    }
  }

  /** The data chunks of a file that are not here; recipe chunks are fetched on the way. */
  async *#missingParts(entry: FileEntry): AsyncGenerator<Part> {
    yield* this.#missingBelow(entry.recipe.parts, entry.recipe.depth);
  }

  async *#missingBelow(parts: readonly Part[], depth: number): AsyncGenerator<Part> {
    const { replica } = this.#options;
    if (depth === 0) {
      const here = await replica.store.chunks.hasMany(parts.map(({ id }) => id));
      for (const [index, part] of parts.entries()) if (here[index] !== true) yield part;
      return;
    }
    for (const part of parts) {
      const below = recipeReferences(await this.#recipeChunk(part.id), { depth, length: part.length });
      yield* this.#missingBelow(below, depth - 1);
    }
  }

  async #recipeChunk(id: ChunkId): Promise<Uint8Array> {
    const { replica, fetcher, sources } = this.#options;
    const stored = await replica.nodes.get(id);
    if (stored !== undefined) return stored;
    await fetcher.fetch(id, chunkBytesMax, sources);
    const fetched = await replica.nodes.get(id);
    if (fetched === undefined) throw chunkMissing(id);
    return fetched;
  }

  /** Puts whole files in place, in batches, beside the fetching of the next ones. */
  #place(step: Step): void {
    this.#ready.push(step);
    this.#placing = this.#placing.then(async () => {
      if (this.#failure !== undefined) return;
      const batch = this.#ready.splice(0, applyBatch);
      try {
        await this.#applyAll(batch);
      } catch (error) {
        this.#failure = { error };
      }
    });
  }

  async #applyAll(steps: readonly Step[]): Promise<void> {
    for (let from = 0; from < steps.length; from += applyBatch) {
      const result = await apply(
        this.#options.replica,
        this.#options.folder,
        steps.slice(from, from + applyBatch),
        this.#options.signal,
      );
      this.#count(result);
      this.#options.onApplied?.(result);
    }
  }

  #count(result: ApplyResult): void {
    for (const { path, before, after, work } of result.applied) {
      if (work === 'delete') this.#deleted++;
      else if (work !== 'record') this.#applied++;
      if (before === undefined && isConflictCopy(after)) this.#conflicts.push(path);
    }
    this.#differing.push(...result.differing);
    for (const [path, reason] of result.blocked) this.#blocked.set(path, reason);
  }
}

function isConflictCopy(entry: Entry | undefined): boolean {
  return (entry?.kind === 'file' || entry?.kind === 'symlink') && entry.conflictOf !== undefined;
}

function bytesOf({ after, work }: Step): number {
  return work === 'content' && after?.kind === 'file' ? after.size : 0;
}
