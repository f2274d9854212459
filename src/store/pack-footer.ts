/**
 * The footer of a finished pack: a table of its records, so that an index can be made without reading the records, and
 * a hash by which a pack can be told from every other one and from older states of itself.
 *
 * Footer: magic `ShFt` | for each record: its offset (4) and the fields of its header between magic and checksum (41).
 * Trailer, the last bytes of the pack: magic `ShoalEnd` | offset of the footer (4) | count of records (4) | BLAKE3-256 |
 * CRC-32 of the trailer's bytes before (4). Numbers are little endian.
 *
 * The hash covers the header of the pack, the footer, and the trailer's bytes before the hash. It so covers the header
 * of every record; the encoded bytes are covered by the chunk ids in those, and by the checksums of the records.
 */
import { crc32 } from 'node:zlib';
import { hashBytes } from '../chunking/index.js';
import {
  fieldsAt,
  fieldsBytes,
  fieldsIn,
  packHeaderBytes,
  type RecordFields,
  recordHeaderBytes,
} from './pack-record.js';

const footerMagic = Buffer.from('ShFt', 'latin1');
const entryBytes = 4 + fieldsBytes;

const trailerMagic = Buffer.from('ShoalEnd', 'latin1');
const countAt = trailerMagic.length + 4;
const hashAt = countAt + 4;
export const footerHashBytes = 32;
const trailerChecksumAt = hashAt + footerHashBytes;
export const trailerBytes = trailerChecksumAt + 4;

/** Most records in the table of one pack, 6 MB of memory; records of a page each fill a pack with half of that. */
export const tableRecordsMax = 131_072;
export const footerBytesMax = footerMagic.length + tableRecordsMax * entryBytes + trailerBytes;

/** A record as the table tells. */
export interface TableEntry extends RecordFields {
  readonly offset: number;
}

/** The table of a pack while it grows. */
export class PackTable {
  count = 0;
  private bytes = Buffer.allocUnsafe(64 * entryBytes);

  /** Enters a record that begins at `offset`. @param header - its first bytes, as many as its header has */
  add(offset: number, header: Uint8Array): void {
    const at = this.count * entryBytes;
    if (at === this.bytes.length) this.bytes = Buffer.concat([this.bytes], 2 * this.bytes.length);
    this.bytes.writeUInt32LE(offset, at);
    this.bytes.set(header.subarray(fieldsAt, fieldsAt + fieldsBytes), at + 4);
    this.count += 1;
  }

  /** The entries, as a view. */
  encoded(): Uint8Array {
    return this.bytes.subarray(0, this.count * entryBytes);
  }
}

export interface Footer {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

/**
 * The footer and trailer of a pack.
 * @param header - the header of the pack
 * @param tables - the tables of its records in the order of their offsets, `tableRecordsMax` records at most
 * @param offset - where the footer is to begin
 */
export function encodeFooter(header: Uint8Array, tables: readonly PackTable[], offset: number): Footer {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.set(trailerMagic);
  trailer.writeUInt32LE(offset, trailerMagic.length);
  trailer.writeUInt32LE(
    tables.reduce((sum, { count }) => sum + count, 0),
    countAt,
  );
  const footer = Buffer.concat([footerMagic, ...tables.map((table) => table.encoded())]);
  const hash = hashOf(header, footer, trailer);
  trailer.set(hash, hashAt);
  trailer.writeUInt32LE(crc32(trailer.subarray(0, trailerChecksumAt)), trailerChecksumAt);
  return { bytes: Buffer.concat([footer, trailer]), hash };
}

/** What a trailer says that has its magic and its checksum. */
export interface Trailer {
  readonly bytes: Uint8Array;
  /** Where the footer begins, and so where the records end. */
  readonly footerAt: number;
  readonly footerBytes: number;
  readonly hash: Uint8Array;
}

/** The trailer `bytes` of a pack of `length` bytes; undefined if it is none, or does not fit to that length. */
export function decodeTrailer(bytes: Uint8Array, length: number): Trailer | undefined {
  if (bytes.length !== trailerBytes || !trailerMagic.equals(bytes.subarray(0, trailerMagic.length)))
    return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(trailerChecksumAt, true) !== crc32(bytes.subarray(0, trailerChecksumAt)))
    return undefined;
  const footerAt = view.getUint32(trailerMagic.length, true);
  const footerBytes = footerMagic.length + view.getUint32(countAt, true) * entryBytes;
  if (footerAt < packHeaderBytes || footerAt + footerBytes + trailerBytes !== length) return undefined;
  if (footerBytes + trailerBytes > footerBytesMax) return undefined;
  return { bytes, footerAt, footerBytes, hash: bytes.slice(hashAt, trailerChecksumAt) };
}

/** Whether `footer`, the bytes that `trailer` speaks of, and the pack's `header` are those that it was made for. */
export function matchesTrailer(trailer: Trailer, header: Uint8Array, footer: Uint8Array): boolean {
  if (!footerMagic.equals(footer.subarray(0, footerMagic.length))) return false;
  return Buffer.from(hashOf(header, footer, trailer.bytes)).equals(trailer.hash);
}

/** The entries of a `footer` that matches its `trailer`; those that cannot be true are left out. */
export function* entriesOf(trailer: Trailer, footer: Uint8Array): Generator<TableEntry> {
  const view = new DataView(footer.buffer, footer.byteOffset, footer.length);
  for (let at = footerMagic.length; at + entryBytes <= footer.length; at += entryBytes) {
    const offset = view.getUint32(at, true);
    const fields = fieldsIn(footer.subarray(at + 4, at + entryBytes));
    if (fields === undefined || offset < packHeaderBytes) continue;
    if (offset + recordHeaderBytes + fields.encodedLength <= trailer.footerAt) yield { offset, ...fields };
  }
}

function hashOf(header: Uint8Array, footer: Uint8Array, trailer: Uint8Array): Uint8Array {
  return hashBytes(Buffer.concat([header, footer, trailer.subarray(0, hashAt)]));
}
