/**
 * Reads what can still be read of a database that may be damaged, without changing it: works on links and copies of its
 * files in a scratch directory.
 *
 * First it is opened as it is. If that fails, or a part cannot be read, LevelDB repairs another set of copies, from which
 * come the values that are still missing. What a repair finds may be older than what was lost: the caller decides which
 * of it may be used.
 */
import { copyFile, link, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isShoalError } from '../error.js';
import { databaseFiles } from './database-files.js';
import { LevelDatabase } from './level-database.js';
import { damagedTables } from './level-table.js';

/** Takes a key and its value; `isRepaired` if it comes from a repair, after everything that does not. */
export type Visit = (key: Uint8Array, value: Uint8Array, isRepaired: boolean) => Promise<void>;

/** How much of the old database could be read. */
export type Salvaged = 'whole' | 'repaired' | 'nothing';

/** LevelDB never writes to a table once it is made, so a link is as good as a copy. */
const tableName = /\.(?:ldb|sst)$/;
/** What a repair does without: it makes new ones from the tables and logs. */
const listName = /^(?:CURRENT|MANIFEST-\d+)$/;
const notContent = /^(?:LOCK|LOG|LOG\.old|lost|\d+\.dbtmp)$/;
const everything = { gte: new Uint8Array(0), lt: Uint8Array.of(0xff) };

/**
 * Visits everything that can be read of the database in `directory`.
 * @param scratch - a directory beside it, made and removed here
 * @throws ShoalError STORE_FAILED (the disk is full or failing); what `visit` throws
 */
export async function salvageDatabase(directory: string, scratch: string, visit: Visit): Promise<Salvaged> {
  const names = (await databaseFiles(directory)).filter((name) => !notContent.test(name));
  if (names.length === 0) return 'nothing';
  try {
    await copyFiles(directory, scratch, names);
    if (await visitAll(scratch, (key, value) => visit(key, value, false))) return 'whole';
    // A repair reads damaged tables as trustingly as LevelDB does: what they held is not saved.
    // Logs may be any: a repair keeps the lower 56 bits of a write's number, and nothing is written after it.
    const unwanted = new Set(await damagedTables(directory));
    const wanted = names.filter((name) => !listName.test(name) && !unwanted.has(name));
    await copyFiles(directory, scratch, wanted);
    const isRepaired = await damageAside(() => LevelDatabase.repair(scratch));
    if (!isRepaired) return 'nothing';
    await visitAll(scratch, (key, value) => visit(key, value, true));
    return 'repaired';
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function copyFiles(directory: string, scratch: string, names: readonly string[]): Promise<void> {
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { mode: 0o700 });
  for (const name of names) {
    const [from, to] = [join(directory, name), join(scratch, name)];
    if (tableName.test(name)) await link(from, to).catch(() => copyFile(from, to));
    else await copyFile(from, to);
  }
}

/** @returns whether all of it could be read */
async function visitAll(
  directory: string,
  visit: (key: Uint8Array, value: Uint8Array) => Promise<void>,
): Promise<boolean> {
  return damageAside(async () => {
    const database = await LevelDatabase.open(directory);
    try {
      for await (const [key, value] of database.entries(everything)) await visit(key, value);
    } finally {
      await database.close();
    }
  });
}

/** Runs `task`. @returns false if it failed because of damage, which is what a salvage is for */
async function damageAside(task: () => Promise<void>): Promise<boolean> {
  try {
    await task();
    return true;
  } catch (error) {
    if (isShoalError(error, 'STORE_DAMAGED') || isShoalError(error, 'STORE_UNOPENABLE')) return false;
    throw error;
  }
}
