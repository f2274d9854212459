/**
 * What this room keeps in the store's records, as canonical CBOR arrays but for the stat record of each path: the local
 * state, the noted roots, what was seen, how far a verification came, and what is known of a ticket. The store adds the
 * checksums.
 */
import { decodeFields, encodeFields, type Field, type FieldReader } from '../cbor/index.js';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes, chunkIdToBytes } from '../chunking/index.js';
import { isShoalError, ShoalError } from '../error.js';
import { decodeFileStat, encodeFileStat, type FileStat, fileStatBytes } from '../folder/index.js';
import { parseRelPath, type RelPath } from '../manifest/index.js';
import {
  type ActorId,
  actorIdBytes,
  actorIdFromBytes,
  actorIdToBytes,
  type DeviceId,
  deviceIdFromBytes,
  deviceIdToBytes,
  publicKeyBytes,
} from '../trust/index.js';

/** The largest is that of what was seen: 32 bytes for 1,024 things, so this is for 500 million of them. */
const recordBytesMax = 16 * 1024 * 1024;
/** A path is the longest: at most 4,096 bytes. */
const textLengthMax = 4096;
const recordFormat = 1;

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
    actorIdToBytes(state.actor),
    state.counter,
    state.sequence,
    chunkIdToBytes(state.root),
    state.headTime,
  ]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeLocalState(bytes: Uint8Array): LocalState {
  return decodeRecord(bytes, 'local state', (fields) => ({
    actor: actorIdFromBytes(fields.bytes('the actor', actorIdBytes, actorIdBytes)),
    counter: readCount(fields),
    sequence: readCount(fields),
    root: readChunkId(fields),
    headTime: readCount(fields),
  }));
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

export function encodeStatRecord(record: StatRecord): Uint8Array {
  return encodeStatRecords([record]);
}

/** One behind another. */
export function encodeStatRecords(records: readonly StatRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * statRecordBytes);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { stat, racy } of records) {
    view.setUint8(at, statRecordVersion);
    view.setUint8(at + 1, racy ? 1 : 0);
    encodeFileStat(stat, view, at + statAt);
    at += statRecordBytes;
  }
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
  return encodeRecord([chunkIdToBytes(root), rules, middle ?? null, digests]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeSeen(bytes: Uint8Array): SeenRecord {
  const what = 'record of what was seen';
  return decodeRecord(bytes, what, (fields) => {
    const root = readChunkId(fields);
    const rules = fields.bytes('the rules', chunkIdBytes, chunkIdBytes);
    const middle = fields.optional(() => pathOfKey(fields.textString('the middle', textLengthMax)));
    const digests = fields.bytes('the digests', 0, recordBytesMax);
    if (digests.length % chunkIdBytes !== 0) throw damaged(what);
    return { root, rules, middle, digests };
  });
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
  return encodeRecord([last, isDone, count, bytes]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeVerifyPosition(bytes: Uint8Array): VerifyPosition {
  return decodeRecord(bytes, 'position of a verification', (fields) => ({
    last: fields.textString('the last one', textLengthMax),
    isDone: fields.boolean('the end'),
    count: readCount(fields),
    bytes: readCount(fields),
  }));
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
    ticket.role,
    ticket.expires,
    ticket.usedBy === undefined ? null : deviceIdToBytes(ticket.usedBy),
  ]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeTicketRecord(bytes: Uint8Array): TicketRecord {
  return decodeRecord(bytes, 'ticket', (fields) => ({
    role: fields.textString('the role', textLengthMax) === 'rw' ? 'rw' : 'ro',
    expires: readCount(fields),
    usedBy: fields.optional(() =>
      deviceIdFromBytes(fields.bytes('a device', publicKeyBytes, publicKeyBytes)),
    ),
  }));
}

/**
 * The record key of a path: '/' becomes NUL, which no path contains, so that the store's byte order is the
 * tree's order.
 */
export function pathKey(path: RelPath): string {
  const end = path.lastIndexOf('/') + 1;
  if (end !== lastDirectory.path.length || !path.startsWith(lastDirectory.path)) {
    const directory = path.slice(0, end);
    lastDirectory = { path: directory, key: directory.replaceAll('/', '\0') };
  }
  return lastDirectory.key + path.slice(end);
}

/** Of the path that was asked for last: most paths come after one of the same directory. */
let lastDirectory = { path: '', key: '' };

/** @throws ShoalError STORE_DAMAGED */
export function pathOfKey(key: string): RelPath {
  try {
    return parseRelPath(key.replaceAll('\0', '/'));
  } catch (cause) {
    throw damaged('path', cause);
  }
}

/** @param root - that the own tree had: the record of a noted root */
export function encodeRoot(root: ChunkId): Uint8Array {
  return encodeRecord([chunkIdToBytes(root)]);
}

/** @throws ShoalError STORE_DAMAGED */
export function decodeRoot(bytes: Uint8Array): ChunkId {
  return decodeRecord(bytes, 'root record', readChunkId);
}

function encodeRecord(fields: readonly Field[]): Uint8Array {
  return encodeFields([recordFormat, ...fields]);
}

function decodeRecord<T>(bytes: Uint8Array, what: string, read: (fields: FieldReader) => T): T {
  try {
    const fields = decodeFields(bytes, what, recordBytesMax);
    fields.integer('the format', recordFormat, recordFormat);
    const record = read(fields);
    fields.end();
    return record;
  } catch (cause) {
    if (!isShoalError(cause, 'MALFORMED')) throw cause;
    throw damaged(what, cause);
  }
}

function readChunkId(fields: FieldReader): ChunkId {
  return chunkIdFromBytes(fields.bytes('a chunk id', chunkIdBytes, chunkIdBytes));
}

function readCount(fields: FieldReader): number {
  return fields.integer('a count', 0, Number.MAX_SAFE_INTEGER);
}

function damaged(what: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'STORE_DAMAGED',
    `A ${what} in the store is damaged: run \`shoal verify --repair\`.`,
    cause === undefined ? {} : { cause },
  );
}
