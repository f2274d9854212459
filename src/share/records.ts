/**
 * What this room keeps in the store's records, as canonical CBOR arrays: the local state, a stat record for each
 * path, and what is known of a ticket. The store adds the checksums.
 */
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes, chunkIdToBytes } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { decodeFileStat, encodeFileStat, type FileStat, fileStatBytes } from '../folder/index.js';
import { parseRelPath, type RelPath } from '../manifest/index.js';
import {
  type ActorId,
  actorIdFromBytes,
  actorIdToBytes,
  type DeviceId,
  deviceIdFromBytes,
  deviceIdToBytes,
} from '../trust/index.js';

/** What this device says of itself: changed in one durable commit with the tree it names. */
export interface LocalState {
  readonly actor: ActorId;
  /** Writes counted so far under `actor`. */
  readonly counter: number;
  /** Heads signed so far under `actor`. */
  readonly sequence: number;
  /** The own tree. */
  readonly root: ChunkId;
  /** Unix ms of the last head. */
  readonly headTime: number;
}

export function encodeLocalState(state: LocalState): Uint8Array {
  return encodeRecord([
    1,
    actorIdToBytes(state.actor),
    state.counter,
    state.sequence,
    chunkIdToBytes(state.root),
    state.headTime,
  ]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeLocalState(bytes: Uint8Array): LocalState {
  const fields = decodeRecord(bytes, 6, 'local state');
  return {
    actor: actorIdFromBytes(bytesOf(fields[1])),
    counter: countOf(fields[2]),
    sequence: countOf(fields[3]),
    root: chunkIdFromBytes(bytesOf(fields[4])),
    headTime: countOf(fields[5]),
  };
}

/**
 * The stat cache's record of one path. It exists only while the tree's entry of that path is what the file with
 * this stat contains: both change in one commit.
 */
export interface StatRecord {
  readonly stat: FileStat;
  /**
   * The file changed so shortly before it was looked at that a later change could leave the same stat: it is
   * read again at the next scan (the "racy" problem that git describes in racy-git.txt).
   */
  readonly racy: boolean;
}

/** Layout: version (1 byte, 2) | racy (1) | the stat, see `encodeFileStat`. */
const statRecordVersion = 2;
const statAt = 2;
const statRecordBytes = statAt + fileStatBytes;

export function encodeStatRecord({ stat, racy }: StatRecord): Uint8Array {
  const bytes = Buffer.allocUnsafe(statRecordBytes);
  bytes[0] = statRecordVersion;
  bytes[1] = racy ? 1 : 0;
  encodeFileStat(stat, new DataView(bytes.buffer, bytes.byteOffset), statAt);
  return bytes;
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeStatRecord(bytes: Uint8Array): StatRecord {
  const record = statRecordIn(bytes);
  if (record === undefined) throw damaged('stat record');
  return record;
}

/** What `bytes` say; undefined if they are no stat record. */
export function statRecordIn(bytes: Uint8Array): StatRecord | undefined {
  if (!isStatRecord(bytes)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { stat: decodeFileStat(view, statAt), racy: bytes[1] !== 0 };
}

/** Whether the encoded `record` is not racy and its stat has these bytes. */
export function vouchesFor(record: Uint8Array, stat: Uint8Array): boolean {
  return isStatRecord(record) && record[1] === 0 && Buffer.compare(record.subarray(statAt), stat) === 0;
}

function isStatRecord(bytes: Uint8Array): boolean {
  return bytes.length === statRecordBytes && bytes[0] === statRecordVersion;
}

/** The one key of its kind. */
export const seenKey = 'folder';

/** What a scan saw, see seen.ts. */
export interface SeenRecord {
  readonly root: ChunkId;
  /** Hash of the ignore rules, 32 bytes. */
  readonly rules: Uint8Array;
  readonly middle: RelPath | undefined;
  /** 32 bytes each. */
  readonly digests: Uint8Array;
}

export function encodeSeen({ root, rules, middle, digests }: SeenRecord): Uint8Array {
  return encodeRecord([1, chunkIdToBytes(root), rules, middle ?? null, digests]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeSeen(bytes: Uint8Array): SeenRecord {
  const fields = decodeRecord(bytes, 5, 'record of what was seen');
  const [root, rules, digests] = [bytesOf(fields[1]), bytesOf(fields[2]), bytesOf(fields[4])];
  const middle = typeof fields[3] === 'string' ? pathOfKey(fields[3]) : undefined;
  if (root.length !== chunkIdBytes || digests.length % chunkIdBytes !== 0)
    throw damaged('record of what was seen');
  return { root: chunkIdFromBytes(root), rules, middle, digests };
}

/** How far one part of a verification has come. */
export interface VerifyPosition {
  /** A path or a chunk id: the last one that was looked at. */
  readonly last: string;
  /** Nothing comes after it. */
  readonly isDone: boolean;
  /** Things looked at so far, and their bytes. */
  readonly count: number;
  readonly bytes: number;
}

export function encodeVerifyPosition({ last, isDone, count, bytes }: VerifyPosition): Uint8Array {
  return encodeRecord([1, last, isDone, count, bytes]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeVerifyPosition(bytes: Uint8Array): VerifyPosition {
  const fields = decodeRecord(bytes, 5, 'position of a verification');
  const [, last] = fields;
  if (typeof last !== 'string') throw damaged('position of a verification');
  return { last, isDone: fields[2] === true, count: countOf(fields[3]), bytes: countOf(fields[4]) };
}

/** What the inviter remembers of a ticket. Its key in the store is a hash of the token, not the token. */
export interface TicketRecord {
  readonly role: 'rw' | 'ro';
  readonly expires: number;
  /** The device that used it, if any: the same device may ask again, nobody else. */
  readonly usedBy: DeviceId | undefined;
}

export function encodeTicketRecord(ticket: TicketRecord): Uint8Array {
  return encodeRecord([
    1,
    ticket.role,
    ticket.expires,
    ticket.usedBy === undefined ? null : deviceIdToBytes(ticket.usedBy),
  ]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeTicketRecord(bytes: Uint8Array): TicketRecord {
  const fields = decodeRecord(bytes, 4, 'ticket');
  const role = fields[1] === 'rw' ? 'rw' : 'ro';
  return {
    role,
    expires: countOf(fields[2]),
    usedBy: fields[3] === null ? undefined : deviceIdFromBytes(bytesOf(fields[3])),
  };
}

/**
 * The record key of a path: '/' becomes NUL, which no path contains, so that the store's byte order is the
 * tree's order.
 */
export function pathKey(path: RelPath): string {
  return path.replace(/\//g, '\0'); // `replaceAll` makes a text for each '/'
}

/** @throws ShoalError STORE_DAMAGED */
export function pathOfKey(key: string): RelPath {
  try {
    return parseRelPath(key.replaceAll('\0', '/'));
  } catch (cause) {
    throw damaged('path', cause);
  }
}

function encodeRecord(fields: readonly unknown[]): Uint8Array {
  return encode(fields, rfc8949EncodeOptions);
}

function decodeRecord(bytes: Uint8Array, count: number, what: string): unknown[] {
  let fields: unknown;
  try {
    fields = decode(bytes);
  } catch (cause) {
    throw damaged(what, cause);
  }
  if (!Array.isArray(fields) || fields.length !== count || fields[0] !== 1) throw damaged(what);
  return fields;
}

function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw damaged('byte field');
  return value;
}

function countOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw damaged('number field');
  return value;
}

function damaged(what: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'STORE_DAMAGED',
    `A ${what} in the store is damaged: run \`shoal verify --repair\`.`,
    cause === undefined ? {} : { cause },
  );
}
