/**
 * Where the chunks lie that were put lately: what was just taken in is soon read again, for a peer or for a file, and
 * a look-up in the database costs more than reading the record. A memory of what was written, never a source of
 * truth: the record that is read says itself which chunk it is.
 *
 * Two generations: when the younger one is full the older one goes, all at once. (To delete the oldest key of a Map one by
 * one takes ever longer: V8 walks over all that were deleted before it.)
 */
import type { ChunkId } from '../chunking/index.js';
import type { PackLocation } from './pack-location.js';

/** Of a generation: about 1 GiB of large chunks; some 3 MiB of memory. */
const locationsMax = 16_384;

export class RecentLocations {
  #younger = new Map<ChunkId, PackLocation>();
  #older = new Map<ChunkId, PackLocation>();

  get(id: ChunkId): PackLocation | undefined {
    return this.#younger.get(id) ?? this.#older.get(id);
  }

  note(id: ChunkId, location: PackLocation): void {
    if (this.#younger.size >= locationsMax) {
      this.#older = this.#younger;
      this.#younger = new Map();
    }
    this.#younger.set(id, location);
  }

  forget(id: ChunkId): void {
    this.#younger.delete(id);
    this.#older.delete(id);
  }
}
