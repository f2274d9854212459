/**
 * Tells from LevelDB's MANIFEST which tables a database consists of. LevelDB checks that file itself when it opens it, so
 * nothing is checked here: where it makes no sense no tables are named, and LevelDB refuses the database.
 *
 * A MANIFEST is a log of edits (`level-log.ts`). Edit: fields, each behind its tag. Source: db/version_edit.cc of LevelDB
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

/** Numbers of the tables of the database in `directory`. @throws what reading throws */
export async function liveTables(directory: string): Promise<number[]> {
  try {
    const name = (await readFile(join(directory, 'CURRENT'), 'latin1')).trimEnd();
    const live = new Set<number>();
    for (const edit of recordsIn(await readFile(join(directory, name)))) applyEdit(live, edit);
    return [...live];
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []; // there is no database yet
    throw error;
  }
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

/** Adds the tables that `edit` adds to `live`, and removes those that it removes. */
function applyEdit(live: Set<number>, edit: Uint8Array): void {
  const fields = new FieldReader(edit);
  while (!fields.atEnd && !fields.failed) {
    switch (fields.varint()) {
      case tags.comparator:
        fields.skip(fields.varint());
        break;
      case tags.logNumber:
      case tags.nextFile:
      case tags.lastSequence:
      case tags.previousLog:
        fields.varint();
        break;
      case tags.compactPointer:
        fields.varint(); // the level
        fields.skip(fields.varint());
        break;
      case tags.deletedFile:
        fields.varint();
        live.delete(fields.varint());
        break;
      case tags.newFile: {
        fields.varint();
        const number = fields.varint();
        fields.varint(); // bytes
        fields.skip(fields.varint()); // first key
        fields.skip(fields.varint()); // last key
        if (!fields.failed) live.add(number);
        break;
      }
      default:
        return; // unknown to this version of LevelDB as well: it refuses the database
    }
  }
}
