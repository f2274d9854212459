/**
 * What is wanted, grouped by the set of sources that may have it. There are few such sets, however many ids:
 * when a source comes or goes, the groups change in rank and no id has to move.
 *
 * Invariants: every wanted id is in exactly one group; a group with no wanted id does not exist; an id is either
 * waiting in its group's queue, or the planner has asked somebody for it.
 */
import assert from 'node:assert';
import type { ChunkId } from '../chunking/index.js';
import { OrderedQueue, outside, type Queueable } from './ordered-queue.js';

export interface Wanted<Source extends string> extends Queueable {
  readonly id: ChunkId;
  /** The most bytes it may have. */
  readonly bytes: number;
  group: SourceGroup<Source>;
}

/** A set of sources that can be looked up: made once for all ids that are wanted of it. */
export interface SourceSet<Source extends string> {
  readonly key: string;
  /** Sorted, without duplicates. */
  readonly sources: readonly Source[];
}

export interface SourceGroup<Source extends string> extends SourceSet<Source> {
  readonly waiting: OrderedQueue<Wanted<Source>>;
  /** Wanted ids of this group, waiting or asked for. */
  wantedCount: number;
}

export function sourceSetOf<Source extends string>(names: readonly Source[]): SourceSet<Source> {
  const sources = [...new Set(names)].sort();
  return { key: JSON.stringify(sources), sources };
}

export class WantTable<Source extends string> {
  readonly #wanted = new Map<ChunkId, Wanted<Source>>();
  readonly #groups = new Map<string, SourceGroup<Source>>();
  #nextOrder = 0;
  #waitingCount = 0;

  get size(): number {
    return this.#wanted.size;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  get(id: ChunkId): Wanted<Source> | undefined {
    return this.#wanted.get(id);
  }

  /** The groups, in the order in which they came to be. */
  groups(): IterableIterator<SourceGroup<Source>> {
    return this.#groups.values();
  }

  /** Takes up an id that is not wanted yet. It does not wait until `enqueue`. */
  add(id: ChunkId, bytes: number, sources: SourceSet<Source>): Wanted<Source> {
    assert(!this.#wanted.has(id), 'an id is wanted once');
    const group = this.#groupOf(sources);
    const item: Wanted<Source> = { id, bytes, order: this.#nextOrder++, place: outside, group };
    group.wantedCount++;
    this.#wanted.set(id, item);
    return item;
  }

  /** Moves `item` to the group of `sources`; it waits there if it waited before. */
  setSources(item: Wanted<Source>, sources: SourceSet<Source>): void {
    const group = this.#groupOf(sources);
    if (group === item.group) return;
    const waited = item.place !== outside;
    if (waited) this.dequeue(item);
    this.#leaveGroup(item);
    item.group = group;
    group.wantedCount++;
    if (waited) this.enqueue(item);
  }

  enqueue(item: Wanted<Source>): void {
    item.group.waiting.push(item);
    this.#waitingCount++;
  }

  dequeue(item: Wanted<Source>): void {
    item.group.waiting.remove(item);
    this.#waitingCount--;
  }

  delete(item: Wanted<Source>): void {
    if (item.place !== outside) this.dequeue(item);
    this.#leaveGroup(item);
    this.#wanted.delete(item.id);
  }

  #groupOf({ key, sources }: SourceSet<Source>): SourceGroup<Source> {
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    const group = { key, sources, waiting: new OrderedQueue<Wanted<Source>>(), wantedCount: 0 };
    this.#groups.set(key, group);
    return group;
  }

  #leaveGroup(item: Wanted<Source>): void {
    item.group.wantedCount--;
    if (item.group.wantedCount === 0) this.#groups.delete(item.group.key);
  }
}
