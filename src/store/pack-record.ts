/**
 * The bytes of a pack: a header, then records one after another, then, once it is finished, a footer (pack-footer.ts).
 * Each record says enough for an index to be made from the packs alone, and its checksum covers all that no chunk id covers.
 *
 * Header: magic `ShoalPak` | format (4) | id of the store (16) | number of the pack (4) | CRC-32 of what precedes (4).
 * Record: magic `ShRc` | codec (1: 0 raw, 1 zstd, 2 bundle, 3 run) | plain length (4) | encoded length (4) | chunk id, or id
 * of the table (32) | CRC-32 of what precedes and of the encoded bytes, but in a run only of the table (4) | encoded bytes.
 * Numbers are little endian.
 *
 * A read compares the header of the record with what the index says, and leaves the encoded bytes to the chunk id. Out of a
 * run only the bytes of the chunk are read.
 */
import { crc32 } from 'node:zlib';
import {
  type ChunkId,
  chunkBytesMax,
  chunkIdBytes,
  chunkIdFromBytes,
  chunkIdOf,
  chunkIdToBytes,
  type EncodedChunk,
} from '../chunking/index.js';
import { bundleBodyBytesMax, bundleBytesMax, decodeBundle } from './bundle.js';
import { type ChunkGroup, groupTableBytesMax, tableBytes } from './chunk-table.js';
import { isGroup, type PackLocation, type RecordCodec } from './pack-location.js';
import { decodeRun, runBodyBytesMax, runBytesMax } from './run.js';

const packMagic = Buffer.from('ShoalPak', 'latin1');
const packFormat = 1;
export const storeIdBytes = 16;
const packChecksumAt = packMagic.length + 4 + storeIdBytes + 4;
export const packHeaderBytes = packChecksumAt + 4;

export const recordMagic = Buffer.from('ShRc', 'latin1');
const codecAt = recordMagic.length;
const plainLengthAt = codecAt + 1;
const encodedLengthAt = plainLengthAt + 4;
const idAt = encodedLengthAt + 4;
const checksumAt = idAt + chunkIdBytes;
/** Bytes a record takes beyond the encoded ones. */
export const recordHeaderBytes = checksumAt + 4;

/** Longest record. */
export const recordBytesMax = recordHeaderBytes + Math.max(bundleBodyBytesMax, runBodyBytesMax);

const codecs: readonly RecordCodec[] = ['raw', 'zstd', 'bundle', 'run'];
const plainBytesMax: Record<RecordCodec, number> = {
  raw: chunkBytesMax,
  zstd: chunkBytesMax,
  bundle: bundleBytesMax,
  run: runBytesMax,
};

/** What the header of a record says of what is in it. */
export interface RecordFields {
  /** Of the chunk, or of the table. */
  readonly id: ChunkId;
  readonly codec: RecordCodec;
  /** Of all that is in it. */
  readonly plainLength: number;
  readonly encodedLength: number;
}

/** The part of a record's header from which `fieldsIn` tells what it holds: all between magic and checksum. */
export const fieldsAt = codecAt;
export const fieldsBytes = checksumAt - codecAt;

/** The header of the pack `number` of the store `storeId`. */
export function encodePackHeader(storeId: Uint8Array, number: number): Buffer {
  const header = Buffer.alloc(packHeaderBytes);
  header.set(packMagic);
  header.writeUInt32LE(packFormat, packMagic.length);
  header.set(storeId, packMagic.length + 4);
  header.writeUInt32LE(number, packChecksumAt - 4);
  header.writeUInt32LE(crc32(header.subarray(0, packChecksumAt)), packChecksumAt);
  return header;
}

export interface PackHeader {
  readonly storeId: Uint8Array;
  readonly number: number;
}

/** What `header` says; undefined if it is not one that `encodePackHeader` made. */
export function packHeaderIn(header: Uint8Array): PackHeader | undefined {
  if (header.length < packHeaderBytes) return undefined;
  const storeId = header.slice(packChecksumAt - 4 - storeIdBytes, packChecksumAt - 4);
  const number = new DataView(header.buffer, header.byteOffset).getUint32(packChecksumAt - 4, true);
  const expected = encodePackHeader(storeId, number);
  return expected.equals(header.subarray(0, packHeaderBytes)) ? { storeId, number } : undefined;
}

/** What `fields`, `fieldsBytes` long, says; undefined if no record can be so. */
export function fieldsIn(fields: Uint8Array): RecordFields | undefined {
  const view = new DataView(fields.buffer, fields.byteOffset, fieldsBytes);
  const codec = codecs[view.getUint8(0)];
  const plainLength = view.getUint32(plainLengthAt - fieldsAt, true);
  const encodedLength = view.getUint32(encodedLengthAt - fieldsAt, true);
  if (codec === undefined || plainLength > plainBytesMax[codec] || encodedLength === 0) return undefined;
  // Not even a bundle is longer, with its table.
  if (encodedLength > plainLength + (codec === 'run' ? groupTableBytesMax : 0)) return undefined;
  const id = chunkIdFromBytes(fields.slice(idAt - fieldsAt, fieldsBytes));
  return { id, codec, plainLength, encodedLength };
}

/** What the record at the beginning of `bytes` holds; undefined if none is there that is whole and has not changed. */
export function intactRecordIn(bytes: Uint8Array): RecordFields | undefined {
  if (bytes.length < recordHeaderBytes || !recordMagic.equals(bytes.subarray(0, recordMagic.length)))
    return undefined;
  const fields = fieldsIn(bytes.subarray(fieldsAt, checksumAt));
  if (fields === undefined || recordHeaderBytes + fields.encodedLength > bytes.length) return undefined;
  const stated = new DataView(bytes.buffer, bytes.byteOffset).getUint32(checksumAt, true);
  const content = bytes.subarray(recordHeaderBytes, recordHeaderBytes + fields.encodedLength);
  if (stated !== checksumOf(bytes.subarray(0, checksumAt), fields.codec, content)) return undefined;
  return fields.codec !== 'run' || isIntactRun(content) ? fields : undefined;
}

/** What the checksum of a run does not cover the ids in its table do. */
function isIntactRun(body: Uint8Array): boolean {
  const run = decodeRun(body);
  if (run === undefined) return false;
  return run.members.every(({ id }) => {
    const plain = run.chunk(id);
    return plain !== undefined && chunkIdOf(plain) === id;
  });
}

/** @param front - the bytes of the header before the checksum */
function checksumOf(front: Uint8Array, codec: RecordCodec, content: Uint8Array): number {
  return crc32(codec === 'run' ? tableIn(content) : content, crc32(front));
}

/** All of `content` if it is shorter than its table says. */
function tableIn(content: Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = content;
  const count = length < 4 ? 0 : new DataView(buffer, byteOffset, length).getUint32(0, true);
  return content.subarray(0, tableBytes(count));
}

/** The record of a chunk; copies its encoded bytes. */
export function encodeRecord(id: ChunkId, { codec, plainLength, bytes }: EncodedChunk): Uint8Array {
  const record = new Uint8Array(recordHeaderBytes + bytes.length);
  record.set(bytes, recordHeaderBytes);
  writeRecordHeader(chunkIdToBytes(id), { codec, plainLength, bytes: record.subarray(recordHeaderBytes) });
  return record;
}

/** What a record is made of. */
export interface RecordContent {
  readonly codec: RecordCodec;
  readonly plainLength: number;
  readonly bytes: Uint8Array;
}

/**
 * Makes a record of encoded bytes where they are: the `recordHeaderBytes` before them in their buffer become the header.
 * @param id - 32 bytes, of the chunk or of the table
 */
export function writeRecordHeader(id: Uint8Array, { codec, plainLength, bytes }: RecordContent): void {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset - recordHeaderBytes, recordHeaderBytes);
  writeHeaderFields(header, id, { codec, plainLength, encodedLength: bytes.length });
  header.writeUInt32LE(checksumOf(header.subarray(0, checksumAt), codec, bytes), checksumAt);
}

/**
 * The chunk in `record`, its bytes a view; undefined if it is not the record that the index speaks of. Neither its
 * checksum nor the plain bytes are looked at: the chunk id decides.
 * @param location - of a chunk that has a record of its own
 */
export function chunkInRecord(
  id: ChunkId,
  location: PackLocation,
  record: Uint8Array,
): EncodedChunk | undefined {
  const { codec, plainLength } = location;
  if (isGroup(codec)) return undefined;
  const expected = Buffer.allocUnsafe(checksumAt);
  writeHeaderFields(expected, chunkIdToBytes(id), location);
  if (!expected.equals(record.subarray(0, checksumAt))) return undefined;
  return { codec, plainLength, bytes: record.subarray(recordHeaderBytes) };
}

/**
 * The chunks in `record`, which holds several; undefined if it is none that the index can speak of. They are not hashed.
 * @param into - as `decodeBundle` takes it
 */
export function groupInRecord(record: Uint8Array, into?: Uint8Array): ChunkGroup | undefined {
  if (record.length < recordHeaderBytes || !recordMagic.equals(record.subarray(0, recordMagic.length)))
    return undefined;
  const fields = fieldsIn(record.subarray(fieldsAt, checksumAt));
  const body = record.subarray(recordHeaderBytes);
  return fields?.encodedLength === body.length ? groupIn(fields.codec, body, into) : undefined;
}

/**
 * The chunks in the `body` of a record; undefined if it is none that holds several. They are not hashed.
 * @param into - as `decodeBundle` takes it
 */
export function groupIn(codec: RecordCodec, body: Uint8Array, into?: Uint8Array): ChunkGroup | undefined {
  if (codec === 'bundle') return decodeBundle(body, into);
  return codec === 'run' ? decodeRun(body) : undefined;
}

function writeHeaderFields(
  header: Buffer,
  id: Uint8Array,
  { codec, plainLength, encodedLength }: Pick<PackLocation, 'codec' | 'plainLength' | 'encodedLength'>,
): void {
  header.set(recordMagic);
  header[codecAt] = codecs.indexOf(codec);
  header.writeUInt32LE(plainLength, plainLengthAt);
  header.writeUInt32LE(encodedLength, encodedLengthAt);
  header.set(id, idAt);
}
