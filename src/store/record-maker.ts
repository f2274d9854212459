/**
 * Makes records of chunks where they lie: bundles of those that stand next to each other and shrink, runs of those that do
 * not, records of their own for the rest. What is made needs no more than to be written.
 *
 * The records take the place of the chunks, from the front of the memory, where there is room for what they take beyond
 * them. So a record ends before the next chunk begins. A run of all chunks stays where it is: with its table before it, it
 * is what is written.
 */
import assert from 'node:assert/strict';
import { type Codec, chunkIdBytes, FrameMaker, seemsCompressible } from '../chunking/index.js';
import { bundleBytesMax } from './bundle.js';
import { groupChunksMax, type Member, tableBytes } from './chunk-table.js';
import { directBlockBytes, wholeBlocks } from './direct-io.js';
import {
  type FramedRecord,
  frameBundle,
  frameBytes,
  frameChunk,
  frameRun,
  runFrameBytes,
} from './framed-record.js';
import type { GroupCodec, RecordCodec } from './pack-location.js';
import { runBytesMax } from './run.js';

/** Of chunks that found no neighbours. */
const frames = new FrameMaker(3);

/**
 * Where this many chunks in a row do not shrink, the next one is not probed; after twice as many, the next two. So nearly half
 * of the probes of a long job are spared, and of what follows a row no more than this part of the row is kept larger than need
 * be.
 */
const probedPerUnprobed = 16;

const groupBytesMax: Record<GroupCodec, number> = { bundle: bundleBytesMax, run: runBytesMax };

/** What the records of `count` chunks take beyond them at most, in whole blocks. */
export function recordRoomBytes(count: number): number {
  return wholeBlocks(count * (frameBytes + tableBytes(1)));
}

/** Records that lie one behind another in the memory that was given, each after `frameBytes`; in columns. */
export interface RecordsMade {
  /** Where the first one begins. */
  readonly start: number;
  readonly codecs: readonly RecordCodec[];
  /** Chunks in each. */
  readonly counts: readonly number[];
  /** Bytes of each, without the frame. */
  readonly lengths: readonly number[];
}

/**
 * The records, as views of `memory`.
 * @param chunks - those that were added, in their order
 */
export function* recordsIn(
  { start, codecs, counts, lengths }: RecordsMade,
  memory: Uint8Array,
  chunks: readonly Member[],
): Generator<FramedRecord> {
  let next = 0;
  let used = start;
  for (const [index, codec] of codecs.entries()) {
    const end = next + (counts[index] as number);
    const at = used + frameBytes;
    used = at + (lengths[index] as number);
    yield { codec, chunks: chunks.slice(next, end), bytes: memory.subarray(at, used) };
    next = end;
  }
}

export class RecordMaker {
  private readonly codecs: RecordCodec[] = [];
  private readonly counts: number[] = [];
  private readonly lengths: number[] = [];
  /** Where the records begin, and where they end. */
  private recordsStart = 0;
  private used = 0;
  /** The chunks that are to become one record; all of them in a row, from `start`. */
  private codec: GroupCodec = 'run';
  private ids: Uint8Array[] = [];
  private plainLengths: number[] = [];
  private start = 0;
  private end = 0;
  /** Whether the last chunks did shrink: then no probe is taken of the next. */
  private shrinks = false;
  /** Chunks in a row that were taken for such that do not shrink, up to the last one. */
  private unshrinking = 0;
  /** Chunks to come that are taken for such without a probe. */
  private unprobed = 0;

  /**
   * @param memory - whole blocks: room for records, `recordRoomBytes` or more, then the chunks
   * @param chunksAt - where those begin
   */
  constructor(
    private readonly memory: Uint8Array,
    private readonly chunksAt: number,
  ) {}

  /**
   * A chunk that lies behind all that were added before.
   * @param id - 32 bytes, borrowed until the end
   * @param offset - behind `chunksAt`
   */
  add(id: Uint8Array, offset: number, length: number): void {
    const start = this.chunksAt + offset;
    if (!this.isNext(start, length)) this.close();
    const plain = this.memory.subarray(start, start + length);
    const codec = this.shrinks || this.seemsToShrink(plain) ? 'bundle' : 'run';
    if (codec !== this.codec) this.close();
    if (this.ids.length === 0) this.start = start;
    this.codec = codec;
    this.ids.push(id);
    this.plainLengths.push(length);
    this.end = start + length;
    this.shrinks = codec === 'bundle';
  }

  finish(): RecordsMade {
    if (this.codecs.length === 0 && this.codec === 'run' && this.ids.length > 1) this.stay();
    this.close();
    // What may be written with the records, before and after them.
    this.memory.fill(0, this.recordsStart - (this.recordsStart % directBlockBytes), this.recordsStart);
    this.memory.fill(0, this.used, wholeBlocks(this.used));
    return { start: this.recordsStart, codecs: this.codecs, counts: this.counts, lengths: this.lengths };
  }

  private seemsToShrink(plain: Uint8Array): boolean {
    if (this.unprobed > 0) this.unprobed--;
    else if (seemsCompressible(plain)) {
      this.unshrinking = 0;
      return true;
    } else this.unprobed = Math.floor((this.unshrinking + 1) / probedPerUnprobed);
    this.unshrinking++;
    return false;
  }

  private isNext(start: number, length: number): boolean {
    const fits = this.ids.length < groupChunksMax && start + length - this.start <= groupBytesMax[this.codec];
    return start === this.end && fits;
  }

  /** Ends the bundle or the run. */
  private close(): void {
    const { ids, plainLengths } = this;
    const [first] = ids;
    if (first === undefined) return;
    this.ids = [];
    this.plainLengths = [];
    if (ids.length === 1) this.writeAlone(first);
    else if (this.codec === 'run' || !this.writeBundle(ids, plainLengths)) this.writeRun(ids, plainLengths);
    assert(this.used <= this.end, 'a record ends before the next chunk begins');
  }

  /** Lets the records, of which there is one, begin where the run need not move. */
  private stay(): void {
    this.recordsStart = this.start - runFrameBytes(this.ids.length);
    this.used = this.recordsStart;
  }

  private writeRun(ids: readonly Uint8Array[], lengths: readonly number[]): void {
    const front = runFrameBytes(ids.length);
    const at = this.used + front;
    const end = at + this.end - this.start;
    if (at !== this.start) this.memory.copyWithin(at, this.start, this.end);
    frameRun(joined(ids), lengths, this.memory.subarray(this.used, end));
    this.note('run', ids.length, end - this.used - frameBytes);
    this.shrinks = false;
  }

  /** @returns whether it was worth it */
  private writeBundle(ids: readonly Uint8Array[], lengths: readonly number[]): boolean {
    const plain = this.memory.subarray(this.start, this.end);
    const chunks = { ids: joined(ids), lengths, plain };
    const length = frameBundle(chunks, this.memory.subarray(this.used, this.end));
    if (length === undefined) return false;
    this.note('bundle', ids.length, length);
    return true;
  }

  private writeAlone(id: Uint8Array): void {
    const plain = this.memory.subarray(this.start, this.end);
    const frame = this.codec === 'bundle' ? frames.compress(plain) : undefined;
    const encoded = frame ?? plain;
    const at = this.used + frameBytes;
    const bytes = this.memory.subarray(at, at + encoded.length);
    bytes.set(encoded);
    const codec: Codec = frame === undefined ? 'raw' : 'zstd';
    frameChunk(id, { codec, plainLength: plain.length, bytes });
    this.note(codec, 1, bytes.length);
    this.shrinks = frame !== undefined;
  }

  private note(codec: RecordCodec, count: number, length: number): void {
    this.codecs.push(codec);
    this.counts.push(count);
    this.lengths.push(length);
    this.used += frameBytes + length;
  }
}

function joined(ids: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(ids.length * chunkIdBytes);
  for (const [index, id] of ids.entries()) all.set(id, index * chunkIdBytes);
  return all;
}
