/**
 * The chunks found damaged since the store was opened. Bounded: on a disk that rots everywhere the first ones are
 * remembered and the others only reported, each time they are met; a `put` heals those as well, because it does not
 * take a stored value for good without checking it.
 */
import type { ChunkId } from '../chunking/index.js';

/** Most ids remembered, about 10 MB. */
export const damagedIdsMax = 65_536;

export class DamageList {
  private readonly known = new Set<ChunkId>();

  constructor(private readonly onDamage: (id: ChunkId) => void) {}

  has(id: ChunkId): boolean {
    return this.known.has(id);
  }

  /** Remembers and reports `id`, once while it is remembered. */
  note(id: ChunkId): void {
    if (this.known.has(id)) return;
    if (this.known.size < damagedIdsMax) this.known.add(id);
    this.onDamage(id);
  }

  /** `id` was read or written intact. */
  forget(id: ChunkId): void {
    this.known.delete(id);
  }

  ids(): readonly ChunkId[] {
    return [...this.known];
  }
}
