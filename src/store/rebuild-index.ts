/**
 * Fills a new database with what the packs hold and what could be saved of the old one.
 *
 * Of the old database come records and small chunks, those that are intact. Where the larger chunks lie is told by the
 * packs alone: by their footers, or by reading the pack record by record where there is none. A record that was read is
 * hashed before it is believed, because content may look like a record; what a footer names is hashed when it is read, but
 * for the tables of bundles and runs, which are read now. Of two records of a chunk the later one counts: it was written because the
 * earlier one was damaged, or moved.
 *
 * If the old database had to be repaired, older values may have come back. So some are not taken from it: tickets, as a
 * used one would be good again, and stats of files and what was seen of the folder, as with a tree of another time they
 * would hide an edit.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type ChunkId, chunkIdFromBytes } from '../chunking/index.js';
import { ShoalError, systemCode } from '../error.js';
import { groupTableBytesMax, membersIn, sharesOf, tableIdOf } from './chunk-table.js';
import { checkChunk, checkGrouped, sealLocation, unsealChunk } from './chunk-value.js';
import type { Database, Operation } from './database.js';
import { wholeBlocks } from './direct-io.js';
import { readAll } from './file-bytes.js';
import { chunkIdOfKey, chunkKey, chunkRange, recordRange } from './key.js';
import { isUnreadable, readFailure } from './level-failure.js';
import { inspectPack, noteOf, type PackInspection } from './pack-file.js';
import { entriesOf, type TableEntry } from './pack-footer.js';
import { type GroupCodec, isGroup, type PackLocation, type RecordPlace } from './pack-location.js';
import { noteOperation } from './pack-note.js';
import { chunkInRecord, groupIn, packHeaderBytes, recordHeaderBytes } from './pack-record.js';
import { scanRecords } from './pack-scan.js';
import { placesIn } from './run.js';
import { unsealValue } from './sealed-value.js';

/** Operations that are written together. */
const batchOperationsMax = 4096;
const recordTable = 0x72; // 'r'
/** Bytes of a record in which any table ends. */
const tableEndMax = recordHeaderBytes + groupTableBytesMax;
const notFromRepair = [recordRange('ticket'), recordRange('stat'), recordRange('seen')];

/** Collects what is written to a new database, in batches. */
export class IndexBuilder {
  private batch: Operation[] = [];

  constructor(private readonly database: Database) {}

  async write(operation: Operation): Promise<void> {
    this.batch.push(operation);
    if (this.batch.length >= batchOperationsMax) await this.flush();
  }

  async flush(): Promise<void> {
    const operations = this.batch;
    this.batch = [];
    if (operations.length > 0) await this.database.write(operations, { sync: false });
  }

  /** Takes over a value of the old database, if it is one that may be, and is not there already. */
  async takeOver(key: Uint8Array, value: Uint8Array, isRepaired: boolean): Promise<void> {
    if (!mayTakeOver(key, value, isRepaired)) return;
    if (isRepaired) {
      await this.flush();
      if ((await this.database.get(key)) !== undefined) return; // that one was not repaired
    }
    await this.write({ type: 'put', key: Uint8Array.from(key), value: Uint8Array.from(value) });
  }
}

function mayTakeOver(key: Uint8Array, value: Uint8Array, isRepaired: boolean): boolean {
  if (key[0] === recordTable) {
    if (unsealValue(key, value) === undefined) return false;
    return !isRepaired || !notFromRepair.some(({ gte, lt }) => isWithin(key, gte, lt));
  }
  if (!isWithin(key, chunkRange.gte, chunkRange.lt)) return false;
  const [id, stored] = [chunkIdOfKey(key), unsealChunk(key, value)];
  return id !== undefined && stored?.kind === 'inline' && checkChunk(id, stored.encoded) !== undefined;
}

function isWithin(key: Uint8Array, gte: Uint8Array, lt: Uint8Array): boolean {
  return Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0;
}

/** How a pack was taken into the index. */
export interface IndexedPack {
  readonly storeId: Uint8Array | undefined;
  /** Places where there should have been records and were none. */
  readonly gaps: number;
  /** Whether it could be read to its end. */
  readonly isReadable: boolean;
}

export interface PackSource {
  readonly pack: number;
  readonly path: string;
  /** For a pack that does not say of which store it is. */
  readonly storeId: Uint8Array;
  readonly onRecord: () => void;
  readonly signal?: AbortSignal | undefined;
}

/** Enters the records of a pack, and notes the pack as it is. @throws ShoalError STORE_FAILED; CANCELLED */
export async function indexPack(builder: IndexBuilder, source: PackSource): Promise<IndexedPack> {
  const { pack, path } = source;
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      const found = await inspectPack(file);
      const gaps = await indexRecords(builder, source, file, found);
      const note = noteOf(pack, found, source.storeId);
      await builder.write(
        noteOperation(pack, note ?? { storeId: source.storeId, length: 0, footerHash: undefined }),
      );
      return { storeId: note?.storeId, gaps, isReadable: true };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isUnreadable(error) || systemCode(error) === 'ENOENT')
      return { storeId: undefined, gaps: 0, isReadable: false }; // not noted: `checkPacks` names it
    throw readFailure(path, error);
  }
}

async function indexRecords(
  builder: IndexBuilder,
  source: PackSource,
  file: FileHandle,
  { footer, length }: PackInspection,
): Promise<number> {
  const { pack, onRecord, signal } = source;
  /** @returns whether all is there that the record should hold */
  const enter = async (entry: TableEntry, isTrusted: boolean): Promise<boolean> => {
    if (signal?.aborted === true) throw cancelled();
    const { locations, isWhole } = await locationsIn(file, { pack, ...entry }, isTrusted);
    for (const [id, location] of locations) {
      const key = chunkKey(id);
      await builder.write({ type: 'put', key, value: sealLocation(key, location) });
      onRecord();
    }
    return isWhole;
  };
  let gaps = 0;
  if (footer !== undefined) {
    for (const entry of entriesOf(footer.trailer, footer.bytes)) if (!(await enter(entry, true))) gaps += 1;
    return gaps;
  }
  let end = packHeaderBytes;
  for await (const record of scanRecords(file, packHeaderBytes, length)) {
    if (record.skippedBytes > 0) gaps += 1;
    end = record.offset + recordHeaderBytes + record.encodedLength;
    if (!(await enter(record, false))) gaps += 1;
  }
  return (await isPadding(file, end, length)) ? gaps : gaps + 1;
}

/** Whether there is nothing from `from` to `to`, or what a direct write leaves to the end of a block. */
async function isPadding(file: FileHandle, from: number, to: number): Promise<boolean> {
  if (to > wholeBlocks(from)) return false;
  const rest = Buffer.alloc(Math.max(0, to - from), 1);
  await readAll(file, [rest], from);
  return rest.every((byte) => byte === 0);
}

/** Where chunks lie that a record holds. */
interface RecordChunks {
  readonly locations: readonly (readonly [ChunkId, PackLocation])[];
  readonly isWhole: boolean;
}

const nothingIn: RecordChunks = { locations: [], isWhole: false };

/** @param isTrusted - whether the record is believed to be what `entry` says: else it is read and hashed */
async function locationsIn(
  file: FileHandle,
  { pack, offset, codec, plainLength, encodedLength, ...entry }: TableEntry & RecordPlace,
  isTrusted: boolean,
): Promise<RecordChunks> {
  const storedBytes = recordHeaderBytes + encodedLength;
  const location = { pack, offset, codec, plainLength, encodedLength, storedBytes, within: 0 };
  const asWhole: RecordChunks = { locations: [[entry.id, location]], isWhole: true };
  if (isTrusted && !isGroup(codec)) return asWhole;
  const front = Buffer.allocUnsafe(isTrusted ? Math.min(storedBytes, tableEndMax) : storedBytes);
  if (!(await isRead(file, front, offset, isTrusted))) return nothingIn;
  if (isGroup(codec)) return groupedIn(front, { ...location, codec }, entry.id, isTrusted);
  const encoded = chunkInRecord(entry.id, location, front);
  return encoded !== undefined && checkChunk(entry.id, encoded) !== undefined ? asWhole : nothingIn;
}

/** @param isTrusted - a pack that has a footer is worth going on with where a part of it cannot be read */
async function isRead(
  file: FileHandle,
  record: Uint8Array,
  offset: number,
  isTrusted: boolean,
): Promise<boolean> {
  try {
    return (await readAll(file, [record], offset)) === record.length;
  } catch (error) {
    if (isTrusted && isUnreadable(error)) return false;
    throw error;
  }
}

/**
 * Where the chunks of a bundle or a run lie: all that its table names, or those of them that are in it.
 * @param front - of the record, with the table; all of it unless `isTrusted`
 */
function groupedIn(
  front: Uint8Array,
  location: PackLocation & { readonly codec: GroupCodec },
  tableId: ChunkId,
  isTrusted: boolean,
): RecordChunks {
  const { codec } = location;
  const body = front.subarray(recordHeaderBytes);
  const members = membersIn(body);
  if (members === undefined || chunkIdFromBytes(tableIdOf(body, members.length)) !== tableId)
    return nothingIn;
  const lengths = members.map(({ plainLength }) => plainLength);
  const shares = sharesOf(lengths, location.storedBytes);
  const places = codec === 'run' ? placesIn(lengths) : [];
  const group = isTrusted ? undefined : groupIn(codec, body);
  const locations = members.flatMap(({ id, plainLength }, index): [ChunkId, PackLocation][] => {
    if (!isTrusted && checkGrouped(id, group?.chunk(id)) === undefined) return [];
    const [storedBytes, within] = [shares[index] as number, places[index] ?? 0];
    return [[id, { ...location, plainLength, storedBytes, within }]];
  });
  return { locations, isWhole: locations.length === members.length };
}

export function cancelled(): ShoalError {
  return new ShoalError(
    'CANCELLED',
    'Rebuilding the index of the store was cancelled: nothing was changed, start it again.',
  );
}
