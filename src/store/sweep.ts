/**
 * Sweep: takes the chunks out of the store that a collection found nobody to need.
 *
 * The order, and what a crash leaves after each step:
 * 1. Values of dead chunks are deleted, in batches between other writes. A crash leaves some of them: garbage.
 * 2. Those deletions are put on the disk. Before, no pack may go: a deletion that a power cut undoes must find its record.
 * 3. Packs that are mostly dead are emptied and removed, one after the other (reclaim-packs.ts).
 * 4. LevelDB gives free what the deleted values took.
 *
 * A live chunk whose value is damaged may lie in any pack: then no pack is touched, for a repair may find it there.
 */
import type { ChunkId } from '../chunking/index.js';
import type { ChunkTotals } from './chunk-store.js';
import { type StoredChunk, unsealChunk } from './chunk-value.js';
import type { Collection } from './collection.js';
import { chunkIdOfKey, chunkRange } from './key.js';
import { nothingReclaimed, type PackUse, type Reclaimed, reclaimPacks } from './reclaim-packs.js';
import type { SweepParts } from './sweep-parts.js';
import { addTotals, noTotals } from './totals.js';

export interface SweepOptions {
  readonly onProgress?: (progress: SweepProgress) => void;
  readonly signal?: AbortSignal;
}

export interface SweepProgress {
  /** Chunks looked at. */
  readonly chunks: number;
  /** Those of them that were deleted. */
  readonly deleted: number;
  /** Packs that were emptied and removed, of those that are to be. */
  readonly packs: number;
  readonly packsToDo: number;
}

export interface Swept extends Reclaimed {
  /** What was deleted. */
  readonly deleted: ChunkTotals;
  /** Chunks that are needed and not intact; or keys that are damaged. While there are some, no pack goes. */
  readonly unreadable: number;
}

/** Ids that are condemned and deleted at a time. */
const idsPerDeletion = 1000;
/** Deleted bytes of values from which LevelDB is asked to give them free at once. */
const compactBytesMin = 4 * 1024 * 1024;

/** @throws ShoalError CANCELLED when `signal` fires: what was deleted until then is; STORE_FAILED, STORE_DAMAGED */
export function sweep(parts: SweepParts, collection: Collection, options: SweepOptions = {}): Promise<Swept> {
  return new Sweep(parts, collection, options).run();
}

class Sweep {
  readonly #parts: SweepParts;
  readonly #collection: Collection;
  readonly #options: SweepOptions;
  readonly #uses = new Map<number, PackUse>();
  #batch: { readonly id: ChunkId; readonly stored: StoredChunk | undefined }[] = [];
  #deleted = noTotals;
  #inlineBytes = 0;
  #chunks = 0;
  #unreadable = 0;

  constructor(parts: SweepParts, collection: Collection, options: SweepOptions) {
    this.#parts = parts;
    this.#collection = collection;
    this.#options = options;
  }

  async run(): Promise<Swept> {
    const { database, packs, step } = this.#parts;
    const { signal } = this.#options;
    const until = packs.state;
    await this.#deleteDead();
    await step(() => database.sync());
    const onPack = (done: number, of: number): void => this.#report(done, of);
    const options = { until, onPack, ...(signal === undefined ? {} : { signal }) };
    const reclaimed =
      this.#unreadable > 0 ? nothingReclaimed : await reclaimPacks(this.#parts, this.#uses, options);
    if (this.#inlineBytes >= compactBytesMin) await database.compact(chunkRange);
    return { ...reclaimed, deleted: this.#deleted, unreadable: this.#unreadable };
  }

  async #deleteDead(): Promise<void> {
    const { database } = this.#parts;
    for await (const [key, value] of database.entries(chunkRange)) {
      this.#options.signal?.throwIfAborted();
      const id = chunkIdOfKey(key);
      if (id === undefined) {
        this.#unreadable += 1;
        continue;
      }
      this.#chunks += 1;
      const stored = unsealChunk(key, value);
      if (this.#collection.isLive(id)) await this.#use(id, stored);
      else this.#batch.push({ id, stored });
      if (this.#batch.length >= idsPerDeletion) await this.#deleteBatch();
    }
    await this.#deleteBatch();
  }

  /** Deletes the batch, but for what somebody asked for meanwhile. */
  async #deleteBatch(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    const { step, writer } = this.#parts;
    let dead: ReadonlySet<ChunkId> = new Set();
    await step(async () => {
      const ids = this.#collection.condemn(batch.map(({ id }) => id));
      try {
        this.#deleted = addTotals(this.#deleted, await writer.delete(ids));
      } finally {
        this.#collection.spare();
      }
      dead = new Set(ids);
    });
    for (const { id, stored } of batch) {
      if (!dead.has(id)) await this.#use(id, stored);
      else if (stored?.kind === 'inline') this.#inlineBytes += stored.encoded.bytes.length;
    }
    this.#report(0, 0);
  }

  /** Notes what the chunk `id`, which is needed, takes of which pack. */
  async #use(id: ChunkId, stored: StoredChunk | undefined): Promise<void> {
    if (stored === undefined) {
      this.#unreadable += 1;
      await this.#parts.check(id);
    } else if (stored.kind === 'packed') {
      const { pack, storedBytes } = stored.location;
      const { bytes, chunks } = this.#uses.get(pack) ?? { bytes: 0, chunks: 0 };
      this.#uses.set(pack, { bytes: bytes + storedBytes, chunks: chunks + 1 });
    }
  }

  #report(packs: number, packsToDo: number): void {
    this.#options.onProgress?.({
      chunks: this.#chunks,
      deleted: this.#deleted.chunks,
      packs,
      packsToDo,
    });
  }
}
