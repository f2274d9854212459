/**
 * Framing: an encoded chunk gets what the store writes before it, in the memory before it. So that whoever encoded it,
 * in whatever thread, makes what is written, and nothing is copied on the way to the disk.
 */
import { type ChunkId, chunkIdFromBytes, type EncodedChunk } from '../chunking/index.js';
import { packedBytesMin, valueHeaderBytes, writeValueHeader } from './chunk-value.js';
import { chunkKey } from './key.js';
import { recordHeaderBytes, writeRecordHeader } from './pack-record.js';
import type { PendingChunk } from './write-queue.js';

/** Bytes to leave before an encoded chunk. */
export const frameBytes = Math.max(recordHeaderBytes, valueHeaderBytes);

/** @param id - 32 bytes */
export function frameChunk(id: Uint8Array, encoded: EncodedChunk): void {
  if (isPacked(encoded)) writeRecordHeader(id, encoded);
  else writeValueHeader(chunkKey(chunkIdFromBytes(id)), encoded);
}

/** What is to be written of a chunk that was framed. */
export function framedChunk(id: ChunkId, encoded: EncodedChunk): PendingChunk {
  const { buffer, byteOffset, length } = encoded.bytes;
  const packed = isPacked(encoded);
  const headerBytes = packed ? recordHeaderBytes : valueHeaderBytes;
  const written = new Uint8Array(buffer, byteOffset - headerBytes, headerBytes + length);
  return { id, key: chunkKey(id), encoded, written, packed };
}

/** Frames a copy of `encoded`. */
export function frameCopy(id: ChunkId, { codec, plainLength, bytes }: EncodedChunk): PendingChunk {
  const copy = new Uint8Array(frameBytes + bytes.length).subarray(frameBytes);
  copy.set(bytes);
  const encoded = { codec, plainLength, bytes: copy };
  frameChunk(chunkKey(id).subarray(1), encoded);
  return framedChunk(id, encoded);
}

function isPacked({ bytes }: EncodedChunk): boolean {
  return bytes.length >= packedBytesMin;
}
