/**
 * Where the chunks lie that were put lately: what was just taken in is soon read again, for a peer or for a file, and
 * a look-up in the database costs more than reading the record. A memory of what was written, never a source of
 * truth: the record that is read says itself which chunk it is.
 */
import type { ChunkId } from '../chunking/index.js';
import type { PackLocation } from './pack-location.js';

/** About 2 GiB of content; some 6 MiB of memory. */
const locationsMax = 32_768;

export class RecentLocations {
  readonly #locations = new Map<ChunkId, PackLocation>();

  get(id: ChunkId): PackLocation | undefined {
    return this.#locations.get(id);
  }

  /** Forgets the oldest when there are too many. */
  note(id: ChunkId, location: PackLocation): void {
    this.#locations.delete(id);
    this.#locations.set(id, location);
    const [oldest] = this.#locations.keys();
    if (this.#locations.size > locationsMax && oldest !== undefined) this.#locations.delete(oldest);
  }

  forget(id: ChunkId): void {
    this.#locations.delete(id);
  }
}
