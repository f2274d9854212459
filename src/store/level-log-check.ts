/**
 * Finds logs of LevelDB that hold what this database did not write there, before LevelDB reads them. It asks of a record only
 * that its checksum is right, and takes its first bytes for the number of the write:
 * - With one of 2^56 or more, as another file in the place of a log gives it, every read from then on aborts the process.
 * - With one that is in the tables already, as a log of an earlier time has it, reads give the old values until a
 *   compaction, and then the new ones. A table takes over all of its logs, so what is still in a log came after all tables.
 *
 * A record of a log is a batch of writes: number of the first (8, little endian) | count (4, little endian) | writes.
 * Checksums are computed only where a record is no batch: the parts that are looked at here without them are those that
 * LevelDB reads, and maybe some that it drops.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../error.js';
import { readAll } from './file-bytes.js';
import { isPartIntact, logBlockBytes, partsIn, partTypes } from './level-log.js';
import { type LiveFiles, liveFiles } from './level-manifest.js';

const logName = /^\d+\.log$/;
const batchHeadBytes = 12;
const nothing = Buffer.alloc(0);
const readBytes = 32 * logBlockBytes;

/**
 * Names of the logs in `directory` with an intact record that is no batch of writes, or one that came before the tables.
 * @throws what reading throws
 */
export async function foreignLogs(directory: string): Promise<string[]> {
  const foreign: string[] = [];
  const live = await liveFiles(directory);
  const tablesUpTo = Math.max(0, ...Array.from(live.tables.values(), ({ lastWrite }) => lastWrite));
  for (const name of await readdir(directory)) {
    if (!logName.test(name) || !isRead(live, Number.parseInt(name, 10))) continue;
    if (await isForeign(join(directory, name), tablesUpTo)) foreign.push(name);
  }
  return foreign;
}

/** Whether LevelDB reads the log `number` when it opens the database: others it has yet to remove. */
function isRead({ firstLog, previousLog }: LiveFiles, number: number): boolean {
  return number >= firstLog || number === previousLog;
}

/** @param tablesUpTo - the highest number of a write that is known to be in a table */
async function isForeign(path: string, tablesUpTo: number): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false; // the process that has the database open is done with it
    throw error;
  }
  try {
    const search = new RecordSearch(tablesUpTo);
    const buffer = Buffer.allocUnsafe(readBytes);
    for (let at = 0, filled = readBytes; filled === readBytes; at += filled) {
      filled = await readAll(file, [buffer], at);
      for (let start = 0; start < filled; start += logBlockBytes)
        if (search.findsIn(buffer.subarray(start, Math.min(start + logBlockBytes, filled)))) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

/** Follows the blocks of a log, one after another, as records may have parts in several. */
class RecordSearch {
  /** First bytes of the record whose parts are being read, if these are no batch's so far. */
  private head: Buffer | undefined;

  constructor(private readonly tablesUpTo: number) {}

  /** Whether an intact record that does not belong there ends in `block`, the next one of the log. */
  findsIn(block: Buffer): boolean {
    for (const part of partsIn(block)) {
      const { type, bytes } = part;
      const isFirst = type === partTypes.whole || type === partTypes.first;
      const isLater = type === partTypes.middle || type === partTypes.last;
      const before = isFirst ? nothing : isLater ? this.head : undefined;
      this.head = undefined;
      if (before === undefined) continue;
      const head = before.length === 0 ? bytes : Buffer.concat([before, bytes.subarray(0, batchHeadBytes)]);
      if (isBatchHead(head, this.tablesUpTo)) continue;
      if (!isPartIntact(block, part)) return false; // the rest of the block is dropped
      if (type === partTypes.whole || type === partTypes.last) return true;
      this.head = Buffer.from(head.subarray(0, batchHeadBytes)); // a copy: the block's memory is used again
    }
    return false;
  }
}

/**
 * Whether `head` can begin a batch of writes after number `tablesUpTo`. No store gets to the write number 2^48, and one that LevelDB believed to be just
 * below 2^56 would end with the next writes. LevelDB takes the count as signed, and first + count - 1 for the last number:
 * below 0 that would be 2^64 - 1.
 */
function isBatchHead(head: Buffer, tablesUpTo: number): boolean {
  if (head.length < batchHeadBytes || head.readUInt16LE(6) !== 0) return false;
  const first = head.readUIntLE(0, 6);
  return first + head.readInt32LE(8) >= 1 && (first > tablesUpTo || tablesUpTo === 0);
}
