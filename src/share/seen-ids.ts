/**
 * Ids that were met before, in a fixed amount of memory. One that is said to be seen was seen; one that was seen may have been
 * forgotten, because another took its place: then work is done twice, and never left out.
 */
import { type ChunkId, chunkIdBytes, chunkIdWord } from '../chunking/index.js';

/** 16 MiB. The nodes and recipe chunks of a share of 10 million files are some 200,000. */
const slotsDefault = 512 * 1024;

export class SeenIds {
  readonly #slots: Buffer;
  readonly #count: number;

  constructor(count = slotsDefault) {
    this.#count = count;
    this.#slots = Buffer.alloc(count * chunkIdBytes);
  }

  has(id: ChunkId): boolean {
    const at = this.#slotOf(id);
    return this.#slots.toString('hex', at, at + chunkIdBytes) === id;
  }

  add(id: ChunkId): void {
    this.#slots.write(id, this.#slotOf(id), 'hex');
  }

  /** Where `id` stands if it is there. */
  #slotOf(id: ChunkId): number {
    return (chunkIdWord(id, 0) % this.#count) * chunkIdBytes;
  }
}
