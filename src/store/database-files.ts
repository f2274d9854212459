/**
 * Looks at the files of a database before LevelDB does, because LevelDB makes a new, empty database wherever CURRENT
 * is missing, and would so forget all that the other files hold.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { storeUnopenable } from './level-failure.js';

const manifestName = /^MANIFEST-\d+$/;
/** A log or a table: LevelDB makes the first one after CURRENT, so a creation that was interrupted left none. */
const dataName = /^\d+\.(?:log|ldb|sst)$/;

/** The directory of packs, which is made after the database. LevelDB pays no attention to it. */
export const packsName = 'packs';

/** All that LevelDB makes in its directory. */
const databaseName =
  /^(?:CURRENT|LOCK|LOG|LOG\.old|lost|MANIFEST-\d+|checked-tables|\d+\.(?:log|ldb|sst|dbtmp))$/;

/** Where `rebuildStore` makes a new index: a directory whose name says how far it has come. */
export const rebuildNames = { making: 'index.new', ready: 'index.ready', moving: 'index.moving' } as const;

/** Names of the files of the database in `directory`. */
export async function databaseFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => databaseName.test(name));
}

/** @throws ShoalError STORE_UNOPENABLE if CURRENT, or what it names, is missing from a database that was in use */
export async function checkFiles(directory: string): Promise<void> {
  const names = new Set(await readdir(directory));
  if (names.has(rebuildNames.ready) || names.has(rebuildNames.moving))
    throw storeUnopenable(directory, 'the rebuilding of its index was interrupted');
  if (!names.has('CURRENT')) {
    if (names.has(packsName) || [...names].some((name) => dataName.test(name)))
      throw storeUnopenable(directory, 'its file CURRENT is missing');
    return;
  }
  const manifest = (await readFile(join(directory, 'CURRENT'), 'latin1')).trimEnd();
  if (!manifestName.test(manifest)) throw storeUnopenable(directory, 'its file CURRENT is damaged');
  if (!names.has(manifest)) throw storeUnopenable(directory, `its file ${manifest} is missing`);
}
