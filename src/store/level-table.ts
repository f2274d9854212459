/**
 * Checks the tables of a LevelDB database before LevelDB reads them. It would not check them itself: it serves what a
 * damaged block holds, and where that makes no sense it may abort the whole process.
 *
 * A table is blocks one behind another, then the index (a block too, whose values say where the others are) and a footer.
 * Each block is followed by its kind (1 byte: 0 as it is, 1 compressed) and a masked CRC-32C of both (4, little endian).
 * Only tables that the MANIFEST names are LevelDB's to read: a crash may leave another one half written.
 * Source: doc/table_format.md and table/format.cc of LevelDB 1.20.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../error.js';
import { isMaskedCrc32c } from './crc32c.js';
import { FieldReader } from './level-field-reader.js';
import { type LiveTable, liveFiles } from './level-manifest.js';

const tableName = /^\d+\.(?:ldb|sst)$/;
const footerBytes = 48;
const magic = Buffer.from('57fb808b247547db', 'hex');
const trailerBytes = 5;
/** Longest table that is looked at: LevelDB makes them of 16 MiB here, and a little more. */
const tableBytesMax = 256 * 1024 * 1024;

/**
 * Names of the tables that LevelDB would read and that are damaged, or others than the MANIFEST names. Reads all of each.
 * @param checked - names of tables that need no look
 * @throws what reading throws
 */
export async function damagedLiveTables(
  directory: string,
  checked: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const { tables } = await liveFiles(directory);
  const damaged: string[] = [];
  for (const name of await readdir(directory)) {
    const live = tableName.test(name) ? tables.get(Number.parseInt(name, 10)) : undefined;
    if (live === undefined || checked.has(name)) continue;
    const table = await readIfThere(join(directory, name));
    if (table !== undefined && !(isIntact(table) && isTheOne(table, live))) damaged.push(name);
  }
  return damaged;
}

/** Names of the damaged tables among all in `directory`. */
export async function damagedTables(directory: string): Promise<string[]> {
  const damaged: string[] = [];
  for (const name of await readdir(directory)) {
    const table = tableName.test(name) ? await readIfThere(join(directory, name)) : undefined;
    if (table !== undefined && !isIntact(table)) damaged.push(name);
  }
  return damaged;
}

/** Undefined if a compaction has removed it since it was listed. */
async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Where a block is in its table, without what follows it. */
interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** Whether all bytes of `table` are as LevelDB wrote them. */
function isIntact(table: Buffer): boolean {
  if (table.length < footerBytes || table.length > tableBytesMax) return false;
  const footer = new FieldReader(table.subarray(-footerBytes, -magic.length));
  if (!table.subarray(-magic.length).equals(magic)) return false;
  const [meta, index] = [handleFrom(footer), handleFrom(footer)];
  if (footer.failed || !footer.isRestZero()) return false;
  if (isCompressed(table, meta) || isCompressed(table, index)) return true; // a repair makes such, this store does not
  const blocks = [...handlesIn(blockAt(table, index)), ...handlesIn(blockAt(table, meta)), meta, index];
  let end = 0; // every byte belongs to a block, or damage could hide between them
  for (const { offset, size } of blocks.sort((a, b) => a.offset - b.offset)) {
    if (offset !== end || blockAt(table, { offset, size }) === undefined) return false;
    end = offset + size + trailerBytes;
  }
  return end === table.length - footerBytes;
}

/**
 * Whether an intact table is the one that the MANIFEST names, and no other one in its place: LevelDB would look for the
 * footer where the other one ends, or serve older values. The number of a write in the first key makes it the only one.
 */
function isTheOne(table: Buffer, { bytes, firstKey }: LiveTable): boolean {
  if (table.length !== bytes) return false;
  const footer = new FieldReader(table.subarray(-footerBytes, -magic.length));
  handleFrom(footer); // the meta index
  const index = handleFrom(footer);
  const [first] = isCompressed(table, index) ? [] : handlesIn(blockAt(table, index));
  if (first === undefined || isCompressed(table, first)) return true; // as above
  const block = new FieldReader(table.subarray(first.offset, first.offset + first.size));
  block.varint(); // the first key of a block shares nothing with one before
  const keyBytes = block.varint();
  block.varint(); // bytes of the value
  return Buffer.compare(block.bytes(keyBytes), firstKey) === 0;
}

function handleFrom(reader: FieldReader): Handle {
  return { offset: reader.varint(), size: reader.varint() };
}

/** Whether a block that is intact is compressed: it cannot be read here. */
function isCompressed(table: Buffer, handle: Handle): boolean {
  return blockAt(table, handle) !== undefined && table[handle.offset + handle.size] !== 0;
}

/** The content of a block; undefined if it is not within the table, or its checksum is wrong. */
function blockAt(table: Buffer, { offset, size }: Handle): Buffer | undefined {
  const end = offset + size + trailerBytes;
  if (end > table.length) return undefined;
  return isMaskedCrc32c(table.subarray(offset, end - 4), table.readUInt32LE(end - 4))
    ? table.subarray(offset, offset + size)
    : undefined;
}

/** The handles that the entries of a block have as values; none if it is damaged. */
function handlesIn(block: Buffer | undefined): Handle[] {
  if (block === undefined || block.length < 4) return [];
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new FieldReader(block.subarray(0, Math.max(0, block.length - 4 - 4 * restarts)));
  const handles: Handle[] = [];
  while (!reader.atEnd && !reader.failed) {
    reader.varint(); // bytes of the key that it shares with the key before
    const keyBytes = reader.varint();
    reader.varint(); // bytes of the value
    reader.bytes(keyBytes);
    const handle = handleFrom(reader);
    if (!reader.failed) handles.push(handle);
  }
  return handles;
}
