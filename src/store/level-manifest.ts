/**
 * Tells from LevelDB's MANIFEST which files a database consists of. LevelDB checks that file itself when it opens it, so
 * nothing is checked here: where it makes no sense no files are named, and LevelDB refuses the database.
 *
 * A MANIFEST is a log of edits (`level-log.ts`). Edit: fields, each behind its tag. The keys in them end with the number
 * of their write (7 bytes, little endian, behind one for its type). Source: db/version_edit.cc and db/dbformat.h of LevelDB
 * 1.20.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../error.js';
import { FieldReader } from './level-field-reader.js';
import { logBlockBytes, partsIn, partTypes } from './level-log.js';

const tags = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedFile: 6,
  newFile: 7,
  previousLog: 9,
} as const;

/** What the MANIFEST says of a table. */
export interface LiveTable {
  readonly bytes: number;
  /** Its first key, with the number of its write. */
  readonly firstKey: Uint8Array;
  /** The highest number of a write that it is known to hold. */
  readonly lastWrite: number;
}

/** What a database consists of. */
export interface LiveFiles {
  /** By their numbers. */
  readonly tables: ReadonlyMap<number, LiveTable>;
  /** Logs of this number and above are read, and one before. */
  readonly firstLog: number;
  readonly previousLog: number;
}

interface Growing {
  readonly tables: Map<number, LiveTable>;
  firstLog: number;
  previousLog: number;
}

/** The type of a write and its number, at the end of a key. */
const trailerBytes = 8;

/** The files of the database in `directory`. @throws what reading throws */
export async function liveFiles(directory: string): Promise<LiveFiles> {
  const live: Growing = { tables: new Map(), firstLog: 0, previousLog: 0 };
  try {
    const name = (await readFile(join(directory, 'CURRENT'), 'latin1')).trimEnd();
    for (const edit of recordsIn(await readFile(join(directory, name)))) applyEdit(live, edit);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error; // there is no database yet
  }
  return live;
}

function* recordsIn(log: Buffer): Generator<Buffer> {
  let parts: Buffer[] = [];
  for (let at = 0; at < log.length; at += logBlockBytes) {
    for (const { type, bytes } of partsIn(log.subarray(at, at + logBlockBytes))) {
      parts = type === partTypes.whole || type === partTypes.first ? [bytes] : [...parts, bytes];
      if (type === partTypes.whole || type === partTypes.last) yield Buffer.concat(parts);
    }
  }
}

/** Adds the tables that `edit` adds to `live`, removes those that it removes, and notes which logs it names. */
function applyEdit(live: Growing, edit: Uint8Array): void {
  const fields = new FieldReader(edit);
  while (!fields.atEnd && !fields.failed) {
    switch (fields.varint()) {
      case tags.comparator:
        fields.bytes(fields.varint());
        break;
      case tags.logNumber:
        live.firstLog = fields.varint();
        break;
      case tags.previousLog:
        live.previousLog = fields.varint();
        break;
      case tags.nextFile:
      case tags.lastSequence:
        fields.varint();
        break;
      case tags.compactPointer:
        fields.varint(); // the level
        fields.bytes(fields.varint());
        break;
      case tags.deletedFile:
        fields.varint();
        live.tables.delete(fields.varint());
        break;
      case tags.newFile: {
        fields.varint();
        const number = fields.varint();
        const bytes = fields.varint();
        const [first, last] = [fields.bytes(fields.varint()), fields.bytes(fields.varint())];
        const lastWrite = Math.max(writeOf(first), writeOf(last));
        if (!fields.failed) live.tables.set(number, { bytes, firstKey: Uint8Array.from(first), lastWrite });
        break;
      }
      default:
        return; // unknown to this version of LevelDB as well: it refuses the database
    }
  }
}

/** The number of the write of `key`; 0 if it has none that a store can have. */
function writeOf(key: Uint8Array): number {
  const trailer = Buffer.from(key.subarray(-trailerBytes));
  return trailer.length === trailerBytes && trailer[7] === 0 ? trailer.readUIntLE(1, 6) : 0;
}
