/**
 * A chunk as it lies in the database.
 *
 * Body of the sealed value: codec (1 byte: 0 raw, 1 zstd) | plain length (4 bytes, little endian) | encoded bytes.
 */
import {
  type ChunkId,
  type Codec,
  chunkBytesMax,
  type EncodedChunk,
  plainOfChunk,
} from '../chunking/index.js';
import { sealBytes, sealValue, unsealValue } from './sealed-value.js';

const codecs: readonly Codec[] = ['raw', 'zstd'];
const headerBytes = 5;
/** Bytes a stored chunk takes beyond its encoded ones. */
export const chunkValueOverhead = sealBytes + headerBytes;

/** The sealed value of a chunk; copies `encoded`. */
export function sealChunk(key: Uint8Array, encoded: EncodedChunk): Uint8Array {
  const header = new Uint8Array(headerBytes);
  header[0] = codecs.indexOf(encoded.codec);
  new DataView(header.buffer).setUint32(1, encoded.plainLength, true);
  return sealValue(key, header, encoded.bytes);
}

/** The chunk in `sealed`, its bytes a view; undefined if the value is not intact. Does not hash the plain bytes. */
export function unsealChunk(key: Uint8Array, sealed: Uint8Array): EncodedChunk | undefined {
  const body = unsealValue(key, sealed);
  if (body === undefined || body.length < headerBytes) return undefined;
  const codec = codecs[body[0] ?? codecs.length];
  const plainLength = new DataView(body.buffer, body.byteOffset, headerBytes).getUint32(1, true);
  if (codec === undefined || plainLength > chunkBytesMax) return undefined;
  return { codec, plainLength, bytes: body.subarray(headerBytes) };
}

/** A chunk whose plain bytes were hashed and match its id. */
export interface CheckedChunk {
  readonly encoded: EncodedChunk;
  readonly plain: Uint8Array;
}

/** Reads a stored chunk and hashes it; undefined if anything about it is wrong. */
export function checkChunk(id: ChunkId, key: Uint8Array, sealed: Uint8Array): CheckedChunk | undefined {
  const encoded = unsealChunk(key, sealed);
  if (encoded === undefined) return undefined;
  const plain = plainOfChunk(id, encoded);
  return plain === undefined ? undefined : { encoded, plain };
}
