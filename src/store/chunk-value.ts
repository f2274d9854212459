/**
 * A chunk as the database knows it: a small one lies in the value, of a larger one the value says where it lies.
 *
 * Body of the sealed value: form (1 byte: 0 raw and 1 zstd in the value, 2 raw and 3 zstd in a pack, 4 in a bundle and 5 in
 * a run in a pack) | plain length (4) | the encoded bytes, or the number of the pack (4), the offset of the record (4) and the
 * encoded length (4), for a chunk in a bundle or a run its share of the record (4), and in a run where it begins in the
 * encoded bytes (4). Numbers are little endian.
 */
import {
  type ChunkId,
  type Codec,
  chunkBytesMax,
  chunkIdOf,
  type EncodedChunk,
  plainOfChunk,
} from '../chunking/index.js';
import { bundleBodyBytesMax } from './bundle.js';
import type { Operation } from './database.js';
import { chunkKeyBytes, writeChunkKey } from './key.js';
import { isGroup, type PackLocation, type RecordCodec } from './pack-location.js';
import { recordHeaderBytes } from './pack-record.js';
import { runBodyBytesMax } from './run.js';
import { Sealer, sealBytes, sealInPlace, sealValue, unsealValue } from './sealed-value.js';

const codecs: readonly Codec[] = ['raw', 'zstd'];
/** By the number of the form, less `codecs.length`. */
const packedCodecs: readonly RecordCodec[] = ['raw', 'zstd', 'bundle', 'run'];
const headerBytes = 5;
const locationBytes: Record<RecordCodec, number> = {
  raw: headerBytes + 12,
  zstd: headerBytes + 12,
  bundle: headerBytes + 16,
  run: headerBytes + 20,
};

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
  const body = Buffer.allocUnsafe(locationBytes[location.codec]);
  writeLocation(location, body);
  return sealValue(key, body);
}

/** Puts the same values, one after another: an operation is good until the next one is made. */
export class LocationSealer {
  private readonly sealer = new Sealer(chunkKeyBytes, Math.max(...Object.values(locationBytes)));
  private readonly bodies: Record<RecordCodec, Buffer> = {
    raw: Buffer.alloc(locationBytes.raw),
    zstd: Buffer.alloc(locationBytes.zstd),
    bundle: Buffer.alloc(locationBytes.bundle),
    run: Buffer.alloc(locationBytes.run),
  };

  put(id: ChunkId, location: PackLocation): Operation {
    const body = this.bodies[location.codec];
    writeLocation(location, body);
    return this.sealer.put(writeChunkKey(id, this.sealer.keyRoom), body);
  }
}

/** @param body - `locationBytes` long */
function writeLocation(location: PackLocation, body: Buffer): void {
  const { codec } = location;
  body[0] = codecs.length + packedCodecs.indexOf(codec);
  body.writeUInt32LE(location.plainLength, 1);
  body.writeUInt32LE(location.pack, 5);
  body.writeUInt32LE(location.offset, 9);
  body.writeUInt32LE(location.encodedLength, 13);
  if (isGroup(codec)) body.writeUInt32LE(location.storedBytes, 17);
  if (codec === 'run') body.writeUInt32LE(location.within, 21);
}

/** What `sealed` says; undefined if it is not intact. Neither reads a pack nor hashes the plain bytes. */
export function unsealChunk(key: Uint8Array, sealed: Uint8Array): StoredChunk | undefined {
  const body = unsealValue(key, sealed);
  if (body === undefined || body.length < headerBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const form = view.getUint8(0);
  const plainLength = view.getUint32(1, true);
  if (plainLength > chunkBytesMax) return undefined;
  const codec = codecs[form];
  if (codec !== undefined)
    return { kind: 'inline', encoded: { codec, plainLength, bytes: body.subarray(headerBytes) } };
  const location = locationIn(packedCodecs[form - codecs.length], plainLength, view);
  return location && { kind: 'packed', location };
}

/** @param body - of a sealed value */
function locationIn(
  codec: RecordCodec | undefined,
  plainLength: number,
  body: DataView,
): PackLocation | undefined {
  if (codec === undefined || body.byteLength !== locationBytes[codec]) return undefined;
  const pack = body.getUint32(5, true);
  const offset = body.getUint32(9, true);
  const encodedLength = body.getUint32(13, true);
  const storedBytes = isGroup(codec) ? body.getUint32(17, true) : recordHeaderBytes + encodedLength;
  const within = codec === 'run' ? body.getUint32(21, true) : 0;
  if (encodedLength > encodedBytesMax(codec, plainLength)) return undefined;
  if (codec === 'run' && within + plainLength > encodedLength) return undefined;
  return { codec, pack, offset, plainLength, encodedLength, storedBytes, within };
}

/** Longest body of a record with a chunk of `plainLength` in it. */
function encodedBytesMax(codec: RecordCodec, plainLength: number): number {
  if (codec === 'bundle') return bundleBodyBytesMax;
  return codec === 'run' ? runBodyBytesMax : plainLength;
}

/** Bytes that the chunk of the value `sealed` takes, headers included: those of the value, or its part of a pack. */
export function storedBytesOf(stored: StoredChunk | undefined, sealed: Uint8Array): number {
  return stored?.kind === 'packed' ? stored.location.storedBytes : sealed.length;
}

/** A chunk whose plain bytes were hashed and match its id. */
export interface CheckedChunk {
  /** As it is kept by itself; undefined if it is kept in a bundle. */
  readonly encoded: EncodedChunk | undefined;
  readonly plain: Uint8Array;
}

/** Hashes a chunk that was read; undefined if anything about it is wrong. */
export function checkChunk(id: ChunkId, encoded: EncodedChunk): CheckedChunk | undefined {
  const plain = plainOfChunk(id, encoded);
  return plain === undefined ? undefined : { encoded, plain };
}

/** Hashes a chunk out of a record that holds several. @param plain - undefined: it is not in it */
export function checkGrouped(id: ChunkId, plain: Uint8Array | undefined): CheckedChunk | undefined {
  if (plain === undefined || chunkIdOf(plain) !== id) return undefined;
  return { encoded: undefined, plain: new Uint8Array(plain) };
}
