/**
 * Makes a new index for a store whose database is damaged or gone. No pack is changed and no file of the old database is
 * deleted: those are moved to a quarantine.
 *
 * The order, and what a crash leaves:
 * 1. The new database is made in `index.new` and put on the disk. After a crash the old one is still in place; what there
 *    is in `index.new` is thrown away by the next rebuild.
 * 2. `index.new` is renamed to `index.ready`. From here on the store does not open until a rebuild has gone through, so
 *    that nothing is written to the old database any more.
 * 3. The files of the old database are moved away, CURRENT first; then `index.ready` is renamed to `index.moving`.
 * 4. The files of the new one are moved in, CURRENT last, and `index.moving` is removed.
 * The name tells the next rebuild where to go on, and each step can be done again.
 *
 * It holds no lock from beginning to end, because LevelDB's lies among the files that move: whoever calls it holds the
 * share.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../error.js';
import { countChunks } from './chunk-writer.js';
import type { Database } from './database.js';
import { databaseFiles, packsName, rebuildNames } from './database-files.js';
import { syncDirectory } from './file-bytes.js';
import { packNumbersIn, packPath } from './file-packs.js';
import { formatOperation } from './format.js';
import { packRange, totalsKey } from './key.js';
import { LevelDatabase } from './level-database.js';
import { writeFailure } from './level-failure.js';
import { storeIdBytes } from './pack-record.js';
import { cancelled, IndexBuilder, indexPack } from './rebuild-index.js';
import { type Salvaged, salvageDatabase } from './salvage.js';
import { sealTotals, unsealTotals } from './totals.js';

const salvageName = 'index.salvage';
const allRecords = { gte: new TextEncoder().encode('r'), lt: new TextEncoder().encode('s') };
/** Most directories for old databases in one quarantine. */
const quarantinedMax = 10_000;

export interface RebuildProgress {
  readonly packs: number;
  readonly packsTotal: number;
  /** Chunks found in packs. */
  readonly chunks: number;
}

export interface RebuildOptions {
  /** Where the files of the old database go: a directory in the same file system, made if need be. */
  readonly quarantine: string;
  readonly onProgress?: ((progress: RebuildProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a rebuild found while it read; a rebuild that only had to finish an interrupted one reads nothing. */
export interface RebuildFindings {
  /** What could be saved of the old database. */
  readonly salvaged: Salvaged;
  /** Places in packs where there should have been records and were none. */
  readonly gaps: number;
  /** Numbers of packs that could not be read: they are left alone, and unknown to the new index. */
  readonly unreadable: readonly number[];
}

export interface RebuildResult {
  /** In the new index. */
  readonly packs: number;
  readonly chunks: number;
  readonly records: number;
  /** undefined if an interrupted rebuild was finished. */
  readonly findings: RebuildFindings | undefined;
  /** Where the files of the old database are; undefined if there were none. */
  readonly quarantined: string | undefined;
}

/**
 * Rebuilds the index of the store in `directory`, which is not open.
 * @throws ShoalError SHARE_BUSY if a process has it open; CANCELLED when `signal` fires: nothing was changed;
 * STORE_FAILED: run it again when the disk works
 */
export async function rebuildStore(directory: string, options: RebuildOptions): Promise<RebuildResult> {
  const { making, ready, moving } = rebuildNames;
  const at = (name: string): string => join(directory, name);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await LevelDatabase.assertFree(directory);
    const names = new Set(await readdir(directory));
    let findings: RebuildFindings | undefined;
    if (!names.has(ready) && !names.has(moving)) {
      findings = await makeIndex(directory, options);
      await renameDurably(directory, making, ready);
    }
    let quarantined: string | undefined;
    if (!names.has(moving)) {
      quarantined = await moveAway(directory, options.quarantine);
      await renameDurably(directory, ready, moving);
    }
    await moveFiles(at(moving), directory, { last: 'CURRENT' });
    await rm(at(moving), { recursive: true });
    return { ...(await countsIn(directory)), findings, quarantined };
  } catch (error) {
    throw writeFailure(directory, error);
  }
}

/** Makes a whole database in `index.new`, from the packs and what is left of the old one. */
async function makeIndex(directory: string, options: RebuildOptions): Promise<RebuildFindings> {
  const making = join(directory, rebuildNames.making);
  await rm(making, { recursive: true, force: true });
  const database = await LevelDatabase.open(making);
  try {
    const builder = new IndexBuilder(database);
    const salvaged = await salvageDatabase(
      directory,
      join(directory, salvageName),
      (key, value, isRepaired) => {
        if (options.signal?.aborted === true) throw cancelled();
        return builder.takeOver(key, value, isRepaired);
      },
    );
    const found = await indexPacks(directory, builder, options);
    await builder.flush();
    await database.sync();
    const totals = sealTotals(await countChunks(database));
    await database.write([{ type: 'put', key: totalsKey, value: totals }, formatOperation()], { sync: true });
    return { salvaged, ...found };
  } finally {
    await database.close();
  }
}

async function indexPacks(
  directory: string,
  builder: IndexBuilder,
  { onProgress, signal }: RebuildOptions,
): Promise<Omit<RebuildFindings, 'salvaged'>> {
  const packsDirectory = join(directory, packsName);
  const numbers = await packNumbersIn(packsDirectory).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
  const unreadable: number[] = [];
  let [gaps, chunks] = [0, 0];
  let storeId: Uint8Array = randomBytes(storeIdBytes);
  for (const [index, pack] of numbers.entries()) {
    const onRecord = (): void => {
      chunks += 1;
      onProgress?.({ packs: index, packsTotal: numbers.length, chunks });
    };
    const path = packPath(packsDirectory, pack);
    const indexed = await indexPack(builder, { pack, path, storeId, onRecord, signal });
    storeId = indexed.storeId ?? storeId;
    gaps += indexed.gaps;
    if (!indexed.isReadable) unreadable.push(pack);
    onProgress?.({ packs: index + 1, packsTotal: numbers.length, chunks });
  }
  return { gaps, unreadable };
}

/** Moves the files of the old database to a new directory in `quarantine`. */
async function moveAway(directory: string, quarantine: string): Promise<string | undefined> {
  if ((await databaseFiles(directory)).length === 0) return undefined;
  await mkdir(quarantine, { recursive: true, mode: 0o700 });
  const target = await newDirectoryIn(quarantine);
  await moveFiles(directory, target, { first: 'CURRENT' });
  return target;
}

async function newDirectoryIn(quarantine: string): Promise<string> {
  for (let number = 1; number < quarantinedMax; number++) {
    const path = join(quarantine, `index-${number}`);
    try {
      await mkdir(path, { mode: 0o700 });
      await syncDirectory(quarantine);
      return path;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
  }
  throw new Error(`${quarantine} holds ${quarantinedMax} old indexes already`);
}

/** Moves the files of a database; the one that makes it one goes first when it leaves and last when it comes. */
async function moveFiles(
  from: string,
  to: string,
  { first, last }: { first?: string; last?: string },
): Promise<void> {
  const names = await databaseFiles(from);
  const ends = names.filter((name) => name === first || name === last);
  const rest = names.filter((name) => name !== first && name !== last);
  for (const group of first === undefined ? [rest, ends] : [ends, rest]) {
    for (const name of group) await rename(join(from, name), join(to, name));
    await syncDirectory(to);
    await syncDirectory(from);
  }
}

async function renameDurably(directory: string, from: string, to: string): Promise<void> {
  await rename(join(directory, from), join(directory, to));
  await syncDirectory(directory);
}

async function countsIn(directory: string): Promise<Pick<RebuildResult, 'packs' | 'chunks' | 'records'>> {
  const database = await LevelDatabase.open(directory);
  try {
    const sealed = await database.get(totalsKey);
    const totals = sealed && unsealTotals(sealed);
    const packs = await countKeys(database, packRange);
    return { packs, chunks: totals?.chunks ?? 0, records: await countKeys(database, allRecords) };
  } finally {
    await database.close();
  }
}

async function countKeys(database: Database, range: typeof packRange): Promise<number> {
  let count = 0;
  for await (const _ of database.entries(range)) count += 1;
  return count;
}
