/**
 * Makes records of chunks that lie in one memory: bundles of those that stand next to each other and shrink, records of
 * their own for the others. What is made needs no more than to be written.
 */
import { type Codec, chunkIdBytes, compressFrame, seemsCompressible } from '../chunking/index.js';
import { bundleBytesMax, bundleChunksMax, bundleTableBytes, type Member } from './bundle.js';
import { wholeBlocks } from './direct-io.js';
import { type FramedRecord, frameBundle, frameBytes, frameChunk } from './framed-record.js';
import type { RecordCodec } from './pack-location.js';

/** Level for a chunk that found no neighbours. */
const zstdLevel = 3;

/** Memory that takes the records of any chunks, `count` and `plainBytes` in all. */
export function recordsBytesMax(plainBytes: number, count: number): number {
  return wholeBlocks(plainBytes + count * (frameBytes + bundleTableBytes(1)));
}

/** Records that lie one behind another in the memory that was given, each after `frameBytes`; in columns. */
export interface RecordsMade {
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
  { codecs, counts, lengths }: RecordsMade,
  memory: Uint8Array,
  chunks: readonly Member[],
): Generator<FramedRecord> {
  let next = 0;
  let used = 0;
  for (const [index, codec] of codecs.entries()) {
    const end = next + (counts[index] as number);
    const start = used + frameBytes;
    used = start + (lengths[index] as number);
    yield { codec, chunks: chunks.slice(next, end), bytes: memory.subarray(start, used) };
    next = end;
  }
}

export class RecordMaker {
  private readonly codecs: RecordCodec[] = [];
  private readonly counts: number[] = [];
  private readonly lengths: number[] = [];
  /** Bytes of `memory` that are used. */
  private used = 0;
  /** The chunks that are to become one bundle; all of them in a row of `plain`, from `start`. */
  private ids: Uint8Array[] = [];
  private plainLengths: number[] = [];
  private start = 0;
  private end = 0;
  /** Whether the last chunks did shrink: then no probe is taken of the next. */
  private shrinks = false;

  /** @param memory - as long as `recordsBytesMax` says */
  constructor(
    private readonly plain: Uint8Array,
    private readonly memory: Uint8Array,
  ) {}

  /** @param id - 32 bytes, borrowed until the end */
  add(id: Uint8Array, start: number, length: number): void {
    const isNext = this.ids.length > 0 && start === this.end;
    const fits = this.ids.length < bundleChunksMax && start + length - this.start <= bundleBytesMax;
    if (!isNext || !fits) this.close();
    if (!this.shrinks && !seemsCompressible(this.plain.subarray(start, start + length))) {
      this.close();
      this.write(id, start, length, undefined);
      return;
    }
    if (this.ids.length === 0) this.start = start;
    this.ids.push(id);
    this.plainLengths.push(length);
    this.end = start + length;
    this.shrinks = true;
  }

  finish(): RecordsMade {
    this.close();
    this.memory.fill(0, this.used, wholeBlocks(this.used)); // what may be written after the records
    return { codecs: this.codecs, counts: this.counts, lengths: this.lengths };
  }

  /** Ends the bundle. */
  private close(): void {
    const { ids, plainLengths } = this;
    if (ids.length === 0) return;
    this.ids = [];
    this.plainLengths = [];
    const isBundle = ids.length > 1 && this.bundle(ids, plainLengths);
    if (!isBundle) this.alone(ids, plainLengths);
  }

  /** @returns whether it was worth it */
  private bundle(ids: readonly Uint8Array[], lengths: readonly number[]): boolean {
    const plain = this.plain.subarray(this.start, this.end);
    const chunks = { ids: joined(ids), lengths, plain };
    const length = frameBundle(chunks, this.memory.subarray(this.used));
    if (length === undefined) return false;
    this.note('bundle', ids.length, length);
    return true;
  }

  private alone(ids: readonly Uint8Array[], lengths: readonly number[]): void {
    let at = this.start;
    this.shrinks = false;
    for (const [index, id] of ids.entries()) {
      const length = lengths[index] as number;
      const plain = this.plain.subarray(at, at + length);
      const frame = seemsCompressible(plain) ? compressFrame(plain, zstdLevel) : undefined;
      this.write(id, at, length, frame);
      if (frame !== undefined) this.shrinks = true;
      at += length;
    }
  }

  private write(id: Uint8Array, start: number, plainLength: number, frame: Uint8Array | undefined): void {
    const encoded = frame ?? this.plain.subarray(start, start + plainLength);
    const at = this.used + frameBytes;
    const bytes = this.memory.subarray(at, at + encoded.length);
    bytes.set(encoded);
    const codec: Codec = frame === undefined ? 'raw' : 'zstd';
    frameChunk(id, { codec, plainLength, bytes });
    this.note(codec, 1, bytes.length);
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
