/**
 * The order of writes. One line of records (of chunks) and steps (commits), worked off front to back by one loop: so a
 * step comes after all that was put before it. Records that stand next to each other are written as one batch: a full
 * one, or what there is when somebody waits for it, or after `lingerMs`; one that is not full begins when all before are
 * appended. A batch is written in three parts, one after another. One is looked up while those before it are appended,
 * `appendsMax` together, so that the disk has the next one when it is done with one; and those that were appended are put on
 * the disk many at a time (`GroupSync`).
 *
 * Invariants:
 * - A step begins when all parts of every batch before it are done, and no batch begins before it has ended.
 * - Batches become seen, and their memory is given back, in their order.
 * - Bounded: `put` resolves only while the records in line take less than `queueBytesMax`; and no batch is appended while
 *   those whose appending began and that are not on the disk take more than `unfinishedBytesMax`.
 * - A failure is final. What a failed write left behind is not known, so everything in line and everything later is
 *   refused with the same error, and nothing of it is seen as stored.
 */
import type { ChunkId } from '../chunking/index.js';
import type { StoredChunk } from './chunk-value.js';
import { GroupSync, syncBytesMin, type UnsyncedBatch } from './group-sync.js';
import { storeClosed } from './level-failure.js';
import type { RecordCodec } from './pack-location.js';

/** A chunk on its way into the store. */
export interface PendingChunk {
  readonly id: ChunkId;
  readonly plainLength: number;
  /** What it takes of what is written. */
  readonly storedBytes: number;
  /** In a run: where it begins in the encoded bytes. Else 0. */
  readonly within: number;
}

/** What is written of a chunk, or of several together. */
export interface PendingRecord {
  readonly codec: RecordCodec;
  readonly chunks: readonly PendingChunk[];
  /** The encoded chunk or chunks: a view of `written`. */
  readonly bytes: Uint8Array;
  /** The value of a small chunk; else the record for a pack. */
  readonly written: Uint8Array;
  readonly packed: boolean;
}

/** Where a chunk is now: not in the memory of a record. */
export interface PlacedChunk {
  readonly id: ChunkId;
  readonly stored: StoredChunk;
}

/** What was appended of a batch. */
export interface AppendedChunks {
  /** A chunk that is not among them was there before. */
  readonly placed: readonly PlacedChunk[];
}

/** Writes batches of records, no chunk in two of them, each batch all or none, in three parts. */
export interface BatchWriter<Appended extends AppendedChunks> {
  /** Finds out what is lacking. @returns how to append it: begun in the order of the batches, several together */
  lookUp(records: readonly PendingRecord[]): Promise<() => Promise<Appended>>;
  /** Puts on the disk what was appended, in its order: after this the chunks are seen by those who read. */
  finish(batches: readonly Appended[]): Promise<void>;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Step extends Waiter {
  readonly run: () => Promise<void>;
}

type Task =
  | { readonly kind: 'record'; readonly record: PendingRecord; readonly startsBatch: boolean }
  | { readonly kind: 'step'; readonly step: Step }
  /** Resolves when all before it is appended, or finished, and holds nothing up. */
  | { readonly kind: 'mark'; readonly until: 'appended' | 'finished'; readonly mark: Waiter };

const mebibyte = 1024 * 1024;
/** Most bytes of records in line before `put` waits. */
export const queueBytesMax = 32 * mebibyte;
/** Most bytes of records in one batch, unless a single one is larger: somewhat more than a window of 4 MiB becomes. */
export const batchBytesMax = 4.25 * mebibyte;
/** Most batches that are being appended. */
const appendsMax = 3;
/** Most bytes that are appended and not on the disk before a batch waits: those of three syncs. */
export const unfinishedBytesMax = 3 * syncBytesMin;
/** How long records may stand in line while nobody waits for them. */
const lingerMs = 25;
/** What a chunk in line costs beside its bytes: bounds the count of tiny ones. */
const chunkOverheadBytes = 256;

export class WriteQueue<Appended extends AppendedChunks = AppendedChunks> {
  private readonly line: Task[] = [];
  /** Of each chunk on its way: the record that brings it; when that is appended, where it is, until it is finished. */
  private readonly onTheirWay = new Map<ChunkId, PendingRecord | StoredChunk>();
  /** Of all pending records. */
  private bytes = 0;
  /** Of those whose appending has not begun. */
  private bytesInLine = 0;
  /** Of batches whose appending has begun, and that are not finished. */
  private unfinishedBytes = 0;
  /** Those of them that are not appended yet. */
  private appends = 0;
  /** Steps and marks in line. */
  private asked = 0;
  /** Those of them that wait for memory. */
  private givers = 0;
  private wake: () => void = () => undefined;
  private working = false;
  private closed = false;
  private failure: { readonly error: unknown } | undefined;
  private waiting: Waiter[] = [];
  /** All appending that was begun. Never rejects. */
  private appending: Promise<void> = Promise.resolve();
  private readonly finishing = new GroupSync<Appended>({ finish: (batches) => this.finish(batches) });

  constructor(private readonly writer: BatchWriter<Appended>) {}

  /** Chunks on their way. */
  get length(): number {
    return this.onTheirWay.size;
  }

  has(id: ChunkId): boolean {
    return this.onTheirWay.has(id);
  }

  /** The record in line that brings the chunk `id`, or where that is since it was appended. */
  get(id: ChunkId): PendingRecord | StoredChunk | undefined {
    return this.onTheirWay.get(id);
  }

  /** Puts `record` in line at once, for those of its chunks that are not there; resolves when there is room for more. */
  async put(record: PendingRecord): Promise<void> {
    this.assertOpen();
    this.enter(record, false);
    if (this.bytes >= queueBytesMax) await this.room();
  }

  /** As `put`, but `records` get batches of their own; resolves when their memory is not needed any more. */
  async give(records: readonly PendingRecord[]): Promise<void> {
    this.assertOpen();
    for (const [index, record] of records.entries()) this.enter(record, index === 0);
    await this.pass('appended');
  }

  private enter(whole: PendingRecord, startsBatch: boolean): void {
    const chunks = whole.chunks.filter(({ id }) => !this.has(id));
    if (chunks.length === 0) return;
    const record = chunks.length === whole.chunks.length ? whole : { ...whole, chunks };
    for (const { id } of chunks) this.onTheirWay.set(id, record);
    this.bytes += cost(record);
    this.bytesInLine += cost(record);
    this.append({ kind: 'record', record, startsBatch });
    if (this.bytesInLine >= batchBytesMax) this.wake();
  }

  /** Runs `run` after everything that is in line; if it rejects, the queue has failed. */
  async step(run: () => Promise<void>): Promise<void> {
    this.assertOpen();
    await this.appendStep(run);
  }

  /** Resolves when everything in line is written. @throws the failure, if there is one */
  flush(): Promise<void> {
    return this.pass('finished');
  }

  /** @throws the failure, if there is one */
  private async pass(until: 'appended' | 'finished'): Promise<void> {
    this.assertOpen();
    await new Promise<void>((resolve, reject) => {
      this.append({ kind: 'mark', until, mark: { resolve, reject } });
    });
  }

  /** Works off the line, refuses all that comes later. @throws the failure, if there is one */
  async close(): Promise<void> {
    this.assertOpen();
    this.closed = true;
    await this.appendStep(async () => {});
  }

  private appendStep(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.append({ kind: 'step', step: { run, resolve, reject } });
    });
  }

  private append(task: Task): void {
    this.line.push(task);
    if (task.kind !== 'record') {
      this.asked++;
      if (task.kind === 'mark' && task.until === 'appended') this.givers++;
      this.wake();
    }
    if (this.working) return;
    this.working = true;
    void this.work();
  }

  /** Never rejects: a failure goes to those who wait for it. */
  private async work(): Promise<void> {
    for (let front = this.line[0]; front !== undefined; front = this.line[0]) {
      try {
        if (front.kind === 'step') await this.runStep(front.step);
        else if (front.kind === 'mark') this.passMark(front);
        else await this.writeFrontBatch();
      } catch (error) {
        this.fail(error);
      }
    }
    this.working = false;
  }

  private async runStep(step: Step): Promise<void> {
    await this.allFinished();
    if (this.failure !== undefined) return; // it was rejected with all the others
    await step.run(); // still in line: should it fail, it is rejected with all the others
    this.line.shift();
    this.asked--;
    step.resolve();
  }

  private passMark({ until, mark: { resolve, reject } }: Extract<Task, { kind: 'mark' }>): void {
    this.line.shift();
    this.asked--;
    if (until === 'appended') this.givers--;
    const passed = until === 'appended' ? this.appending : this.allFinished();
    void passed.then(() => (this.failure === undefined ? resolve() : reject(this.failure.error)));
  }

  /** Resolves when all batches whose appending was begun are finished, or have failed. */
  private async allFinished(): Promise<void> {
    await this.appending;
    await this.finishing.all();
  }

  private async writeFrontBatch(): Promise<void> {
    await this.untilDue();
    if (this.failure !== undefined) return;
    const records = this.frontBatch();
    const append = await this.writer.lookUp(records);
    while (this.failure === undefined && !this.mayAppend()) await this.woken();
    if (this.failure !== undefined) return;
    this.line.splice(0, records.length);
    for (const record of records) this.bytesInLine -= cost(record);
    const bytes = records.reduce((sum, { written }) => sum + written.length, 0);
    this.unfinishedBytes += bytes;
    this.appends++;
    const earlier = this.appending;
    this.appending = append().then(
      async (result) => {
        await earlier;
        this.noteAppended(records, { result, bytes });
      },
      (error: unknown) => this.fail(error),
    );
  }

  private mayAppend(): boolean {
    return this.appends < appendsMax && this.unfinishedBytes <= unfinishedBytesMax;
  }

  /** Never rejects. */
  private async finish(batches: readonly UnsyncedBatch<Appended>[]): Promise<void> {
    if (this.failure !== undefined) return;
    try {
      await this.writer.finish(batches.map(({ result }) => result));
    } catch (error) {
      this.fail(error);
      return;
    }
    for (const batch of batches) this.leave(batch);
  }

  private noteAppended(records: readonly PendingRecord[], batch: UnsyncedBatch<Appended>): void {
    if (this.failure !== undefined) return;
    for (const { id, stored } of batch.result.placed) this.onTheirWay.set(id, stored);
    for (const record of records) {
      // What still lies in the memory of the record was there before.
      for (const { id } of record.chunks) if (this.onTheirWay.get(id) === record) this.onTheirWay.delete(id);
      this.bytes -= cost(record);
    }
    this.finishing.add(batch);
    this.appends--;
    this.wake();
    if (this.bytes < queueBytesMax) this.letIn((waiter) => waiter.resolve());
  }

  private leave({ result, bytes }: UnsyncedBatch<Appended>): void {
    for (const { id } of result.placed) this.onTheirWay.delete(id);
    this.unfinishedBytes -= bytes;
    this.wake();
  }

  /**
   * Resolves when there are records for a full batch in line, or somebody waits for their memory; else when all before them
   * are appended and somebody waits for that, or they have lingered.
   */
  private async untilDue(): Promise<void> {
    let hasLingered = false;
    const linger = setTimeout(() => {
      hasLingered = true;
      this.wake();
    }, lingerMs);
    while (this.failure === undefined && this.bytesInLine < batchBytesMax && this.givers === 0) {
      if (this.appends === 0 && (this.asked > 0 || hasLingered)) break;
      await this.woken();
    }
    clearTimeout(linger);
  }

  private woken(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private frontBatch(): PendingRecord[] {
    const batch: PendingRecord[] = [];
    let bytes = 0;
    for (const task of this.line) {
      if (task.kind !== 'record') break;
      bytes += cost(task.record);
      if (batch.length > 0 && (task.startsBatch || bytes > batchBytesMax)) break;
      batch.push(task.record);
    }
    return batch;
  }

  private fail(error: unknown): void {
    this.failure ??= { error };
    for (const task of this.line.splice(0)) {
      if (task.kind === 'step') task.step.reject(this.failure.error);
      if (task.kind === 'mark') task.mark.reject(this.failure.error);
    }
    this.onTheirWay.clear();
    this.bytes = 0;
    this.wake();
    this.letIn((waiter) => waiter.reject(error));
  }

  private room(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  }

  private letIn(wake: (waiter: Waiter) => void): void {
    const waiters = this.waiting;
    this.waiting = [];
    waiters.forEach(wake);
  }

  private assertOpen(): void {
    if (this.failure !== undefined) throw this.failure.error;
    if (this.closed) throw storeClosed();
  }
}

function cost({ written, chunks }: PendingRecord): number {
  return written.length + chunks.length * chunkOverheadBytes;
}
