/**
 * A collection under way, as everybody sees it who reads and writes chunks meanwhile.
 *
 * The invariant: a chunk that anybody put, read or was told to be there since the collection began is not deleted by
 * it. Whoever asks for an id first touches it, and only then looks, both without a pause between; a batch of ids is condemned,
 * which leaves out the touched ones, before the first of them is deleted. So an id is either touched first, and stays; or
 * condemned first, and then whoever asks is told that it is not there, and puts it again: a put waits in the queue
 * behind the deletion. What was found before the collection began is the caller's care (share/activity.ts).
 */
import type { ChunkId } from '../chunking/index.js';
import type { IdFilter } from './id-filter.js';

const nothing: ReadonlySet<ChunkId> = new Set();

export class Collection {
  readonly #live: IdFilter;
  #condemned = nothing;

  constructor(live: IdFilter) {
    this.#live = live;
  }

  /** `id` stays. */
  keep(id: ChunkId): void {
    this.#live.add(id);
  }

  /**
   * Somebody is about to look for `id`, or to put it.
   * @returns whether it may be found: if not, it is being deleted now
   */
  touch(id: ChunkId): boolean {
    this.#live.add(id);
    return !this.#condemned.has(id);
  }

  isLive(id: ChunkId): boolean {
    return this.#live.has(id);
  }

  /** @returns those of `ids` that nobody needs: they are not found any more, until `spare`; the caller deletes them */
  condemn(ids: readonly ChunkId[]): readonly ChunkId[] {
    const dead = ids.filter((id) => !this.#live.has(id));
    this.#condemned = new Set(dead);
    return dead;
  }

  /** The condemned ones are deleted: now the store itself says that they are not there. */
  spare(): void {
    this.#condemned = nothing;
  }
}
