/**
 * A chunk as the database knows it: a small one lies in the value, of a larger one the value says where it lies.
 *
 * Body of the sealed value: form (1 byte: 0 raw and 1 zstd in the value, 2 raw and 3 zstd in a pack) | plain length (4) |
 * the encoded bytes, or the number of the pack (4), the offset of the record (4) and the encoded length (4). Numbers are
 * little endian.
 */
import {
  type ChunkId,
  type Codec,
  chunkBytesMax,
  type EncodedChunk,
  plainOfChunk,
} from '../chunking/index.js';
import type { PackLocation } from './pack-location.js';
import { recordHeaderBytes } from './pack-record.js';
import { sealBytes, sealInPlace, sealValue, unsealValue } from './sealed-value.js';

const codecs: readonly Codec[] = ['raw', 'zstd'];
/** Added to the number of the codec when the chunk is in a pack. */
const packedForms = codecs.length;
const headerBytes = 5;
const locationBytes = headerBytes + 12;

/** Encoded bytes from which a chunk goes to a pack: beyond a page, one more read costs less than copies in LevelDB. */
export const packedBytesMin = 2048;

/** A chunk as its value tells: the bytes, or where they are. */
export type StoredChunk =
  | { readonly kind: 'inline'; readonly encoded: EncodedChunk }
  | { readonly kind: 'packed'; readonly location: PackLocation };

/** What a value has before the encoded bytes of the chunk in it. */
export const valueHeaderBytes = sealBytes + headerBytes;

/** Makes a sealed value of an encoded chunk where it is: the `valueHeaderBytes` before it in its buffer become the header. */
export function writeValueHeader(key: Uint8Array, { codec, plainLength, bytes }: EncodedChunk): void {
  const start = bytes.byteOffset - valueHeaderBytes;
  const view = new DataView(bytes.buffer, start, valueHeaderBytes);
  view.setUint8(sealBytes, codecs.indexOf(codec));
  view.setUint32(sealBytes + 1, plainLength, true);
  sealInPlace(key, new Uint8Array(bytes.buffer, start, valueHeaderBytes + bytes.length));
}

/** The sealed value of a chunk that lies in a pack. */
export function sealLocation(key: Uint8Array, location: PackLocation): Uint8Array {
  const body = new Uint8Array(locationBytes);
  body[0] = packedForms + codecs.indexOf(location.codec);
  const view = new DataView(body.buffer);
  const numbers = [location.plainLength, location.pack, location.offset, location.encodedLength];
  numbers.forEach((number, index) => {
    view.setUint32(1 + 4 * index, number, true);
  });
  return sealValue(key, body);
}

/** What `sealed` says; undefined if it is not intact. Neither reads a pack nor hashes the plain bytes. */
export function unsealChunk(key: Uint8Array, sealed: Uint8Array): StoredChunk | undefined {
  const body = unsealValue(key, sealed);
  if (body === undefined || body.length < headerBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const form = view.getUint8(0);
  const codec = codecs[form % packedForms];
  const plainLength = view.getUint32(1, true);
  if (codec === undefined || form >= 2 * packedForms || plainLength > chunkBytesMax) return undefined;
  if (form < packedForms)
    return { kind: 'inline', encoded: { codec, plainLength, bytes: body.subarray(headerBytes) } };
  if (body.length !== locationBytes) return undefined;
  const [pack, offset, encodedLength] = [5, 9, 13].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
  ];
  if (encodedLength > plainLength) return undefined;
  return { kind: 'packed', location: { pack, offset, codec, plainLength, encodedLength } };
}

/** Bytes that the chunk of the value `sealed` takes, headers included: those of the value, or of the record in its pack. */
export function storedBytesOf(stored: StoredChunk | undefined, sealed: Uint8Array): number {
  return stored?.kind === 'packed' ? recordHeaderBytes + stored.location.encodedLength : sealed.length;
}

/** A chunk whose plain bytes were hashed and match its id. */
export interface CheckedChunk {
  readonly encoded: EncodedChunk;
  readonly plain: Uint8Array;
}

/** Hashes a chunk that was read; undefined if anything about it is wrong. */
export function checkChunk(id: ChunkId, encoded: EncodedChunk): CheckedChunk | undefined {
  const plain = plainOfChunk(id, encoded);
  return plain === undefined ? undefined : { encoded, plain };
}
