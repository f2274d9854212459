/**
 * The plan which chunk to ask of whom: rarest first, then in order of want; each id of one source at a time, of
 * the next one when that says absent, sends wrong bytes or goes down. A pure state machine.
 *
 * Invariants
 * - An id is asked of at most one source at a time (`#askedOf`), and only of a source that was named for it.
 * - Credit: see `pull-source.ts`. It counts what was asked, also when it is no longer wanted.
 * - Every wanted id ends as arrived, forgotten or unobtainable, provided that ticks come, that sources answer or
 *   stall, and that the caller closes stalled sessions.
 * - The effects follow from the events alone: equal histories give equal plans.
 *
 * What it does not do: it never looks at chunk bytes, and never guesses who has what.
 */
import assert from 'node:assert';
import type { ChunkId } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';
import { idsPerMessageMax } from './message.js';
import type { PullEffect, PullEvent, SourceView, WantedChunk } from './pull-event.js';
import { creditBytesMax, PullSource } from './pull-source.js';
import { type SourceGroup, type SourceSet, sourceSetOf, type Wanted, WantTable } from './want-table.js';

/** The most ids wanted at a time, about 60 MB; the caller wants more when some have arrived. */
export const wantedMax = 250_000;
/** The most sources remembered. A share has at most 50 devices. */
const sourcesMax = 256;

export class PullPlanner<Source extends string = DeviceId> {
  readonly #table = new WantTable<Source>();
  readonly #sources = new Map<Source, PullSource<Source>>();
  readonly #askedOf = new Map<ChunkId, PullSource<Source>>();
  #effects: PullEffect<Source>[] = [];

  /** Ids asked of some source and not answered. */
  get outstanding(): number {
    return this.#askedOf.size;
  }

  /** Ids wanted that nobody has been asked for yet. */
  get waiting(): number {
    return this.#table.waitingCount;
  }

  sources(): SourceView<Source>[] {
    return Array.from(this.#sources.values(), (source) => ({
      source: source.source,
      up: source.up,
      distrusted: source.distrusted,
      outstanding: source.askedCount,
      outstandingBytes: source.askedBytes,
      receivedChunks: source.receivedChunks,
      receivedBytes: source.receivedBytes,
    }));
  }

  /**
   * @param now - unix ms; never goes back
   * @returns what to do, in order
   * @throws ShoalError LIMIT if a `want` goes over `wantedMax` or names a source too many; nothing has changed then
   */
  handle(event: PullEvent<Source>, now: number): PullEffect<Source>[] {
    this.#effects = [];
    this.#apply(event, now);
    if (event.type !== 'arrived') this.#dropHopeless(now);
    this.#requestMore(now);
    return this.#effects;
  }

  #apply(event: PullEvent<Source>, now: number): void {
    switch (event.type) {
      case 'want':
        this.#want(event.items, event.sources, now);
        break;
      case 'source-up':
        this.#sourceOf(event.source, now).open(now);
        break;
      case 'source-down':
        this.#requeue(this.#sourceOf(event.source, now).close(now));
        break;
      case 'arrived':
        this.#arrived(event.source, event.id, event.bytes, now);
        break;
      case 'busy':
        this.#sourceOf(event.source, now).noteBusy(now);
        break;
      case 'absent':
        for (const id of event.ids) this.#failed(event.source, id, now);
        break;
      case 'wrong':
        this.#wrong(event.source, event.id, now);
        break;
      case 'forget':
        for (const id of event.ids) this.#forget(id);
        break;
      case 'tick':
        this.#noticeStalls(now);
        break;
    }
  }

  #want(items: readonly WantedChunk[], names: readonly Source[], now: number): void {
    const added = new Set<ChunkId>();
    for (const { id, bytes } of items) {
      assert(Number.isInteger(bytes) && bytes > 0 && bytes <= creditBytesMax, 'a chunk fits into the credit');
      if (this.#table.get(id) === undefined) added.add(id);
    }
    if (this.#table.size + added.size > wantedMax) {
      throw new ShoalError(
        'LIMIT',
        `At most ${wantedMax} chunks can be wanted at a time; want fewer at once.`,
      );
    }
    this.#makeRoomForSources(names);
    for (const name of names) this.#sourceOf(name, now);
    const sources = sourceSetOf(names);
    for (const { id, bytes } of items) this.#wantOne(id, bytes, sources);
  }

  #wantOne(id: ChunkId, bytes: number, sources: SourceSet<Source>): void {
    const known = this.#table.get(id);
    if (known !== undefined) {
      if (known.group.key !== sources.key)
        this.#table.setSources(known, sourceSetOf([...known.group.sources, ...sources.sources]));
      return;
    }
    const item = this.#table.add(id, bytes, sources);
    // It may have been asked for and then forgotten: then its answer is on the way.
    if (!this.#askedOf.has(id)) this.#table.enqueue(item);
  }

  #arrived(name: Source, id: ChunkId, bytes: number, now: number): void {
    const source = this.#sourceOf(name, now);
    source.receivedChunks++;
    source.receivedBytes += bytes;
    this.#release(source, id, now);
    this.#forget(id);
  }

  /** `name` cannot give `id`. An answer to a question that was never asked says nothing. */
  #failed(name: Source, id: ChunkId, now: number): void {
    if (!this.#release(this.#sourceOf(name, now), id, now)) return;
    const item = this.#table.get(id);
    if (item === undefined) return;
    const others = item.group.sources.filter((other) => other !== name);
    this.#table.setSources(item, sourceSetOf(others));
    this.#table.enqueue(item);
  }

  #wrong(name: Source, id: ChunkId, now: number): void {
    const source = this.#sourceOf(name, now);
    this.#failed(name, id, now);
    if (!source.countWrong()) return;
    this.#effects.push({ type: 'distrust', source: name });
    this.#requeue(source.releaseAll());
  }

  #forget(id: ChunkId): void {
    const item = this.#table.get(id);
    if (item !== undefined) this.#table.delete(item);
  }

  #release(source: PullSource<Source>, id: ChunkId, now: number): boolean {
    const asked = source.release(id, now);
    if (asked) this.#askedOf.delete(id);
    return asked;
  }

  /** Lets ids wait again that a source was asked for and will not give. */
  #requeue(ids: readonly ChunkId[]): void {
    for (const id of ids) {
      this.#askedOf.delete(id);
      const item = this.#table.get(id);
      if (item !== undefined) this.#table.enqueue(item);
    }
  }

  #noticeStalls(now: number): void {
    for (const source of this.#sources.values()) {
      if (source.noticeStall(now)) this.#effects.push({ type: 'stalled', source: source.source });
    }
  }

  /** Gives up the ids of which every source is distrusted, was down for long, or said absent. */
  #dropHopeless(now: number): void {
    const ids: ChunkId[] = [];
    for (const group of [...this.#table.groups()]) {
      if (group.sources.some((name) => this.#sources.get(name)?.isHope(now))) continue;
      for (const item of [...group.waiting]) {
        ids.push(item.id);
        this.#table.delete(item);
      }
    }
    if (ids.length > 0) this.#effects.push({ type: 'unobtainable', ids });
  }

  /** Asks the least loaded source with free credit for its best chunk, again and again while there is one. */
  #requestMore(now: number): void {
    let open = [...this.#sources.values()].filter((source) => source.usable && source.hasRoomForBatch);
    const batches = new Map<Source, ChunkId[]>();
    while (open.length > 0 && this.#table.waitingCount > 0) {
      const source = open.reduce((least, other) => (other.askedBytes < least.askedBytes ? other : least));
      const item = this.#best(source.source);
      if (item === undefined || !source.hasRoomFor(item.bytes)) {
        open = open.filter((other) => other !== source);
        continue;
      }
      this.#table.dequeue(item);
      source.ask(item.id, item.bytes, now);
      this.#askedOf.set(item.id, source);
      const batch = batches.get(source.source);
      if (batch === undefined) batches.set(source.source, [item.id]);
      else batch.push(item.id);
    }
    for (const [source, ids] of batches) {
      for (let start = 0; start < ids.length; start += idsPerMessageMax) {
        this.#effects.push({ type: 'request', source, ids: ids.slice(start, start + idsPerMessageMax) });
      }
    }
  }

  /** The waiting chunk that `name` may have: the rarest, and of equally rare ones the one wanted first. */
  #best(name: Source): Wanted<Source> | undefined {
    let best: Wanted<Source> | undefined;
    let bestCount = Number.POSITIVE_INFINITY;
    for (const group of this.#table.groups()) {
      const item = group.waiting.first();
      if (item === undefined || !group.sources.includes(name)) continue;
      const count = this.#usableCount(group);
      if (best === undefined || count < bestCount || (count === bestCount && item.order < best.order)) {
        best = item;
        bestCount = count;
      }
    }
    return best;
  }

  #usableCount(group: SourceGroup<Source>): number {
    return group.sources.filter((name) => this.#sources.get(name)?.usable).length;
  }

  #sourceOf(name: Source, now: number): PullSource<Source> {
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    this.#makeRoomForSources([name]);
    const source = new PullSource(name, now);
    this.#sources.set(name, source);
    return source;
  }

  /** Forgets idle sources that nothing wanted names, if the table of sources would overflow. */
  #makeRoomForSources(names: readonly Source[]): void {
    const missing = new Set(names.filter((name) => !this.#sources.has(name))).size;
    if (this.#sources.size + missing <= sourcesMax) return;
    const named = new Set<Source>(names);
    for (const group of this.#table.groups()) for (const name of group.sources) named.add(name);
    for (const [name, source] of this.#sources) {
      if (!source.up && !source.distrusted && !named.has(name)) this.#sources.delete(name);
    }
    if (this.#sources.size + missing > sourcesMax) {
      throw new ShoalError('LIMIT', `At most ${sourcesMax} sources can be named for what is wanted.`);
    }
  }
}
