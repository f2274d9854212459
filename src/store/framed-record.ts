/**
 * Framing: encoded chunks get what the store writes before them, in the memory before them. So that whoever encoded them,
 * in whatever thread, makes what is written, and nothing is copied on the way to the disk.
 */
import { type ChunkId, chunkIdFromBytes, type EncodedChunk } from '../chunking/index.js';
import { encodeBundle } from './bundle.js';
import { type Member, sharesOf, tableBytes, tableIdOf, writeTable } from './chunk-table.js';
import { packedBytesMin, valueHeaderBytes, writeValueHeader } from './chunk-value.js';
import { chunkKey } from './key.js';
import { isGroup, type RecordCodec } from './pack-location.js';
import { recordHeaderBytes, writeRecordHeader } from './pack-record.js';
import { placesIn } from './run.js';
import type { PendingChunk, PendingRecord } from './write-queue.js';

/** Bytes to leave before what is encoded. */
export const frameBytes = Math.max(recordHeaderBytes, valueHeaderBytes);

/** What was framed: one chunk, or several. */
export interface FramedRecord {
  readonly codec: RecordCodec;
  readonly chunks: readonly Member[];
  /** What was encoded; before it in its memory lies the frame. */
  readonly bytes: Uint8Array;
}

/** @param id - 32 bytes */
export function frameChunk(id: Uint8Array, encoded: EncodedChunk): void {
  if (isPacked(encoded)) writeRecordHeader(id, encoded);
  else writeValueHeader(chunkKey(chunkIdFromBytes(id)), encoded);
}

/**
 * Encodes chunks as a bundle, and frames it.
 * @param chunks - as `encodeBundle` takes them
 * @param into - `frameBytes`, and as long as `encodeBundle` wants
 * @returns the length of what was encoded; undefined if a bundle would save too little
 */
export function frameBundle(
  { ids, lengths, plain }: { ids: Uint8Array; lengths: readonly number[]; plain: Uint8Array },
  into: Uint8Array,
): number | undefined {
  const length = encodeBundle(ids, lengths, plain, into.subarray(frameBytes));
  if (length === undefined) return undefined;
  const bytes = into.subarray(frameBytes, frameBytes + length);
  writeRecordHeader(tableIdOf(bytes, lengths.length), { codec: 'bundle', plainLength: plain.length, bytes });
  return length;
}

/** Bytes to leave before a run of `count` chunks. */
export function runFrameBytes(count: number): number {
  return frameBytes + tableBytes(count);
}

/**
 * Frames a run.
 * @param ids - 32 bytes for each chunk
 * @param record - `runFrameBytes`, and the bytes of the chunks
 */
export function frameRun(ids: Uint8Array, lengths: readonly number[], record: Uint8Array): void {
  const bytes = record.subarray(frameBytes);
  writeTable(ids, lengths, bytes);
  const plainLength = record.length - runFrameBytes(lengths.length);
  writeRecordHeader(tableIdOf(bytes, lengths.length), { codec: 'run', plainLength, bytes });
}

/** What is to be written of a record that was framed. */
export function pendingRecord({ codec, chunks, bytes }: FramedRecord): PendingRecord {
  const packed = isGroup(codec) || isPacked({ bytes });
  const headerBytes = packed ? recordHeaderBytes : valueHeaderBytes;
  const written = new Uint8Array(bytes.buffer, bytes.byteOffset - headerBytes, headerBytes + bytes.length);
  const lengths: number[] = [];
  for (const { plainLength } of chunks) lengths.push(plainLength);
  const shares = sharesOf(lengths, written.length);
  const places = codec === 'run' ? placesIn(lengths) : undefined;
  const pending: PendingChunk[] = [];
  for (let index = 0; index < chunks.length; index++) {
    const { id, plainLength } = chunks[index] as Member;
    const within = places === undefined ? 0 : (places[index] as number);
    pending.push({ id, plainLength, storedBytes: shares[index] as number, within });
  }
  return { codec, chunks: pending, bytes, written, packed };
}

/** Frames a copy of `encoded`. */
export function frameCopy(id: ChunkId, { codec, plainLength, bytes }: EncodedChunk): PendingRecord {
  const copy = new Uint8Array(frameBytes + bytes.length).subarray(frameBytes);
  copy.set(bytes);
  const encoded = { codec, plainLength, bytes: copy };
  frameChunk(chunkKey(id).subarray(1), encoded);
  return pendingRecord({ codec, chunks: [{ id, plainLength }], bytes: copy });
}

function isPacked({ bytes }: { readonly bytes: Uint8Array }): boolean {
  return bytes.length >= packedBytesMin;
}
