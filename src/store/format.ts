/**
 * The version of everything in the store, in a record of its own that is read before anything else.
 *
 * Body of the sealed value: version (4 bytes, little endian).
 */

import type { ShoalError } from '../error.js';
import type { Database, Operation } from './database.js';
import { formatKey } from './key.js';
import { storeNewer, storeUnopenable } from './level-failure.js';
import { sealValue, unsealValue } from './sealed-value.js';

/** The format that is written. What each one holds: docs/FORMAT.md. */
export const formatVersion = 5;
const everything = { gte: new Uint8Array(0), lt: Uint8Array.of(0xff) };

/**
 * The version of what is stored, which is this one's if the database is new.
 * @throws ShoalError STORE_UNOPENABLE if it is newer, unreadable, or missing from a database that is not empty
 */
export async function checkFormat(directory: string, database: Database): Promise<number> {
  const sealed = await database.get(formatKey);
  if (sealed === undefined) {
    if (!(await isEmpty(database))) throw unknownFormat(directory);
    await database.write([formatOperation()], { sync: true });
    return formatVersion;
  }
  const version = unsealFormat(sealed);
  if (version === undefined || version === 0) throw unknownFormat(directory);
  if (version > formatVersion) throw storeNewer(directory, version);
  return version;
}

/** What makes the store one of the format that is written. */
export function formatOperation(): Operation {
  return { type: 'put', key: formatKey, value: sealFormat(formatVersion) };
}

/** The format record for `version`. */
export function sealFormat(version: number): Uint8Array {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setUint32(0, version, true);
  return sealValue(formatKey, body);
}

function unsealFormat(sealed: Uint8Array): number | undefined {
  const body = unsealValue(formatKey, sealed);
  if (body === undefined || body.length !== 4) return undefined;
  return new DataView(body.buffer, body.byteOffset, body.length).getUint32(0, true);
}

async function isEmpty(database: Database): Promise<boolean> {
  for await (const _ of database.entries(everything)) return false;
  return true;
}

function unknownFormat(directory: string): ShoalError {
  return storeUnopenable(directory, 'the record of its format is damaged or missing');
}
