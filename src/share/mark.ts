/**
 * Mark: finds every chunk that is needed, for a collection: nodes, recipe chunks and data chunks under the roots and
 * entries it is given. Depth first, one path of nodes in memory; subtrees that were met under another root are not
 * walked again.
 *
 * What is `ours` must be whole: if a node of it cannot be read, it is not known what else is needed, and the mark ends
 * without a result. Trees of others may be here in part only (a pull that was broken off): of those, what is here is
 * kept, and what is missing is passed over. What is here and damaged ends the mark in any case: a repair may bring it
 * back, and then its chunks are wanted.
 */
import type { ChunkId } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import { type Entry, nodeReferences, type Part, recipeReferences } from '../manifest/index.js';
import type { ChunkStore } from '../store/index.js';
import { SeenIds } from './seen-ids.js';

export interface MarkProgress {
  /** Nodes and recipe chunks read. */
  readonly nodes: number;
}

export interface MarkOptions {
  readonly chunks: ChunkStore;
  /** Told of every chunk that is needed, some of them more than once. */
  readonly keep: (id: ChunkId) => void;
  readonly onProgress?: (progress: MarkProgress) => void;
  readonly signal?: AbortSignal;
}

/** Ends a mark: `id` is needed to know what else is. */
export class UnreadableNode extends Error {
  constructor(readonly id: ChunkId) {
    super(`Chunk ${id} cannot be read.`);
  }
}

/** A tree has at most 64 levels; a hostile member's that pretends to have more is not followed further. */
const depthMax = 64;

export class Mark {
  readonly #options: MarkOptions;
  readonly #seen = new SeenIds();
  #nodes = 0;

  constructor(options: MarkOptions) {
    this.#options = options;
  }

  /** A tree of this device's: all of it is here. @throws UnreadableNode */
  ours(root: ChunkId): Promise<void> {
    return this.#node(root, { isWhole: true, depth: 0 });
  }

  /** A tree of another device's, of which anything may be missing. To be called after all that is ours. @throws UnreadableNode if a node is damaged */
  theirs(root: ChunkId): Promise<void> {
    return this.#node(root, { isWhole: false, depth: 0 });
  }

  /** What an entry that is being put in place refers to. @throws UnreadableNode */
  entry(entry: Entry): Promise<void> {
    return this.#entry(entry, true);
  }

  async #node(id: ChunkId, { isWhole, depth }: { isWhole: boolean; depth: number }): Promise<void> {
    const bytes = await this.#read(id, isWhole);
    if (bytes === undefined) return;
    const references = this.#decoded(id, isWhole, () => nodeReferences(bytes));
    if (references === undefined) return;
    for (const entry of references.entries) await this.#entry(entry, isWhole);
    if (depth < depthMax) {
      for (const child of references.children) await this.#node(child, { isWhole, depth: depth + 1 });
    } else if (isWhole && references.children.length > 0) throw new UnreadableNode(id);
    this.#seen.add(id); // only now: what is seen is marked with all that is under it
  }

  async #entry(entry: Entry, isWhole: boolean): Promise<void> {
    if (entry.kind === 'file') await this.#parts(entry.recipe.parts, entry.recipe.depth, isWhole);
  }

  async #parts(parts: readonly Part[], depth: number, isWhole: boolean): Promise<void> {
    for (const { id, length } of parts) {
      if (depth === 0) {
        this.#options.keep(id);
        continue;
      }
      const bytes = await this.#read(id, isWhole);
      if (bytes === undefined) continue;
      const below = this.#decoded(id, isWhole, () => recipeReferences(bytes, { depth, length }));
      if (below === undefined) continue;
      await this.#parts(below, depth - 1, isWhole);
      this.#seen.add(id);
    }
  }

  /** The bytes of a node or recipe chunk, kept; undefined if it was seen, or may be passed over. */
  async #read(id: ChunkId, isWhole: boolean): Promise<Uint8Array | undefined> {
    const { chunks, keep, signal, onProgress } = this.#options;
    keep(id);
    if (this.#seen.has(id)) return undefined;
    signal?.throwIfAborted();
    const bytes = await chunks.get(id);
    if (bytes === undefined) {
      if (isWhole || chunks.damagedIds().includes(id)) throw new UnreadableNode(id);
      return undefined;
    }
    this.#nodes++;
    onProgress?.({ nodes: this.#nodes });
    return bytes;
  }

  /** What `decode` makes of a chunk; undefined if another device's is not what it should be: it is of no use to anybody. */
  #decoded<T>(id: ChunkId, isWhole: boolean, decode: () => T): T | undefined {
    try {
      return decode();
    } catch (error) {
      if (!isShoalError(error, 'MALFORMED')) throw error;
      if (isWhole) throw new UnreadableNode(id);
      return undefined;
    }
  }
}
