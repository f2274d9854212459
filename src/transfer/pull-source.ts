/**
 * One source as the planner sees it: whether it is up, what it has been asked for, and how it has behaved.
 *
 * Invariant: `askedBytes` is the sum over `asked`, and never above `creditBytesMax`; `asked` never holds more than
 * `creditIdsMax` ids. UDX has no receive backpressure, so this credit is what bounds the bytes in flight.
 */
import assert from 'node:assert';
import type { ChunkId } from '../chunking/index.js';
import { idsPerMessageMax } from './message.js';

/** The most bytes asked of one source and not yet received. */
export const creditBytesMax = 8 * 1024 * 1024;
/** The most ids asked of one source and not yet answered: what the other side must be ready to remember. */
export const creditIdsMax = 2048;
/** A source is asked for more only when this much credit is free, so that requests come in batches. */
const requestBytesMin = 1024 * 1024;
/** After so many wrong chunks a source is distrusted. */
export const wrongChunksMax = 3;
/** A source that was asked and sends nothing for so long is stalled. */
export const stalledAfterMs = 30_000;
/** One that says it is at it, because it keeps to a rate, may take so long for an answer, and no longer. */
export const busyMsMax = 600_000;
/** A source that is down for so long is no hope for what only it has. */
export const unreachableAfterMs = 30_000;

export class PullSource<Source extends string> {
  readonly source: Source;
  readonly #asked = new Map<ChunkId, number>();
  #askedBytes = 0;
  #up = false;
  #downSince: number;
  #lastAnswerAt: number;
  /** Of an answer, or of a word that one is to come. */
  #lastSignAt: number;
  #stalledReported = false;
  #wrongChunks = 0;
  receivedChunks = 0;
  receivedBytes = 0;

  constructor(source: Source, now: number) {
    this.source = source;
    this.#downSince = now;
    this.#lastAnswerAt = now;
    this.#lastSignAt = now;
  }

  get up(): boolean {
    return this.#up;
  }

  get distrusted(): boolean {
    return this.#wrongChunks >= wrongChunksMax;
  }

  get usable(): boolean {
    return this.#up && !this.distrusted;
  }

  get askedBytes(): number {
    return this.#askedBytes;
  }

  get askedCount(): number {
    return this.#asked.size;
  }

  /** Whether enough credit is free for another batch. */
  get hasRoomForBatch(): boolean {
    const bytesFree = creditBytesMax - this.#askedBytes;
    return bytesFree >= requestBytesMin && creditIdsMax - this.#asked.size >= idsPerMessageMax;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#askedBytes + bytes <= creditBytesMax && this.#asked.size < creditIdsMax;
  }

  /** Whether it may still give something: it is up, or was up not long ago. */
  isHope(now: number): boolean {
    return !this.distrusted && (this.#up || now - this.#downSince < unreachableAfterMs);
  }

  open(now: number): void {
    this.#up = true;
    this.#answered(now);
    this.#stalledReported = false;
  }

  /** @returns the ids it had been asked for and will not give now */
  close(now: number): ChunkId[] {
    if (this.#up) this.#downSince = now;
    this.#up = false;
    return this.releaseAll();
  }

  ask(id: ChunkId, bytes: number, now: number): void {
    assert(this.usable && this.hasRoomFor(bytes), 'nothing is asked beyond the credit');
    assert(!this.#asked.has(id), 'nothing is asked twice');
    if (this.#asked.size === 0) this.#answered(now);
    this.#asked.set(id, bytes);
    this.#askedBytes += bytes;
  }

  /** Gives the credit of `id` back: it was answered. @returns whether it had been asked for */
  release(id: ChunkId, now: number): boolean {
    this.#answered(now);
    this.#stalledReported = false;
    const bytes = this.#asked.get(id);
    if (bytes === undefined) return false;
    this.#asked.delete(id);
    this.#askedBytes -= bytes;
    return true;
  }

  /** @returns the ids it had been asked for */
  releaseAll(): ChunkId[] {
    const ids = [...this.#asked.keys()];
    this.#asked.clear();
    this.#askedBytes = 0;
    return ids;
  }

  /** @returns whether this chunk was the one too many */
  countWrong(): boolean {
    this.#wrongChunks++;
    return this.#wrongChunks === wrongChunksMax;
  }

  /** It is alive and will answer, later. */
  noteBusy(now: number): void {
    this.#lastSignAt = now;
  }

  /** Whether it has just become stalled: true once for each time. */
  noticeStall(now: number): boolean {
    if (this.#stalledReported || this.#asked.size === 0) return false;
    if (now - this.#lastSignAt < stalledAfterMs && now - this.#lastAnswerAt < busyMsMax) return false;
    this.#stalledReported = true;
    return true;
  }

  #answered(now: number): void {
    this.#lastAnswerAt = now;
    this.#lastSignAt = now;
  }
}
