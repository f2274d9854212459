/**
 * The keys of the one database. The first byte names the table:
 *   `c` and the 32 bytes of a chunk id | `r`, a record kind, `/`, and the record's key in UTF-8 | `m` and a name, for the
 *   store itself | `p` and the number of a finished pack (4 bytes, big endian).
 */
import assert from 'node:assert/strict';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes } from '../chunking/index.js';
import { type RecordKind, recordKeyBytesMax } from './record-store.js';

/** Keys from `gte` up to, and without, `lt`. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

const chunkTable = 0x63; // 'c'
export const chunkKeyBytes = 1 + chunkIdBytes;
/** What a record's key has beside its kind and its own key. */
const recordFrameBytes = 'r/'.length;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const formatKey = encoder.encode('mformat');
export const totalsKey = encoder.encode('mtotals');
/** There while the database is known to have lost writes. */
export const lostWritesKey = encoder.encode('mlost');
export const packStateKey = encoder.encode('mpacks');
export const chunkRange: KeyRange = { gte: encoder.encode('c'), lt: encoder.encode('d') };

export const packRange: KeyRange = { gte: encoder.encode('p'), lt: encoder.encode('q') };

/** The key of what is noted of the pack `number`. */
export function packKey(number: number): Uint8Array {
  const key = new Uint8Array(5);
  key.set(packRange.gte);
  new DataView(key.buffer).setUint32(1, number);
  return key;
}

/** The number in a key out of `packRange`; undefined if the key has been damaged. */
export function packNumberOfKey(key: Uint8Array): number | undefined {
  if (key.length !== 5) return undefined;
  return new DataView(key.buffer, key.byteOffset, key.length).getUint32(1);
}

export function chunkKey(id: ChunkId): Uint8Array {
  const key = Buffer.allocUnsafe(chunkKeyBytes);
  writeChunkKey(id, key);
  return key;
}

/** @returns its length */
export function writeChunkKey(id: ChunkId, into: Buffer): number {
  into[0] = chunkTable;
  return 1 + into.write(id, 1, 'hex');
}

/** The id in a key out of `chunkRange`; undefined if the key has been damaged. */
export function chunkIdOfKey(key: Uint8Array): ChunkId | undefined {
  return key.length === chunkKeyBytes ? chunkIdFromBytes(key.subarray(1)) : undefined;
}

/** @throws AssertionError if `key` is too long or has no UTF-8 form: the caller's fault */
export function recordKey(kind: RecordKind, key: string): Uint8Array {
  const bytes = Buffer.allocUnsafe(recordKeyBytes(kind, key));
  writeRecordKey(kind, key, bytes);
  return bytes;
}

/** Length of `recordKey`. @throws AssertionError as that */
export function recordKeyBytes(kind: RecordKind, key: string): number {
  assert(key.isWellFormed(), 'a record key must be well-formed Unicode, or two keys could become one');
  const bytes = kind.length + recordFrameBytes + Buffer.byteLength(key);
  assert(bytes <= recordKeyBytesMax, `a record key may be ${recordKeyBytesMax} bytes long, not ${bytes}`);
  return bytes;
}

/** @returns its length */
export function writeRecordKey(kind: RecordKind, key: string, into: Buffer): number {
  const front = into.write(`r${kind}/`, 'latin1');
  return front + into.write(key, front);
}

/** The records of a kind, from the key `from` up to, and without, `below`. */
export function recordRange(
  kind: RecordKind,
  { from = '', below }: { from?: string; below?: string } = {},
): KeyRange {
  const end = below === undefined ? `r${kind}0` : `r${kind}/${below}`; // '0' follows '/' in ASCII
  return { gte: encoder.encode(`r${kind}/${from}`), lt: encoder.encode(end) };
}

/** The record key in a database key out of `recordRange(kind)`. */
export function recordKeyText(kind: RecordKind, key: Uint8Array): string {
  return decoder.decode(key.subarray(`r${kind}/`.length));
}
