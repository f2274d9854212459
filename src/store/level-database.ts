/**
 * LevelDB behind the `Database` interface: the only file that imports `level`.
 *
 * What LevelDB leaves to its user, and is done here:
 * - A `sync` write syncs the log it went to. When a memtable fills up LevelDB begins a new log and never syncs the old
 *   one, so `sync` here syncs every log that is left; a log that is gone is in a table, and those LevelDB syncs.
 * - It does not check its tables when it reads them, and may abort the process over a damaged one. So those it will read
 *   are checked before it opens them (`level-table.ts`). So are its logs, of which it would believe any write number
 *   (`level-log-check.ts`).
 * - With CURRENT gone it makes a new empty database over the old files. That is refused (`checkFiles`).
 *
 * The settings are for many small values, as larger chunks lie in packs: docs/DECISIONS.md, store.
 */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Level } from 'level';
import { systemCode } from '../error.js';
import { noteCheckedTables, takeCheckedTables } from './checked-tables.js';
import type { Database, Operation } from './database.js';
import { checkFiles } from './database-files.js';
import type { KeyRange } from './key.js';
import {
  isUnreadable,
  openFailure,
  readFailure,
  storeUnopenable,
  syncFailure,
  writeFailure,
} from './level-failure.js';
import { foreignLogs } from './level-log-check.js';
import { damagedLiveTables } from './level-table.js';

const mebibyte = 1024 * 1024;

const settings = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: false, // small chunks are compressed already, and ids do not compress
  writeBufferSize: 16 * mebibyte, // up to two of these are in memory
  maxFileSize: 16 * mebibyte,
  cacheSize: 8 * mebibyte, // tables are read through the page cache
  maxOpenFiles: 256,
} as const;

/** What Level can do beyond its types where it is LevelDB and not a browser's database. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

/** Bytes read ahead by an iterator. */
const readAheadBytes = mebibyte;

/** What `level` exports on Node, which its types do not say. */
const repairer = Level as unknown as { repair(directory: string): Promise<void> };

/** A line of LevelDB's own journal, begun anew at each opening: a part of a log failed its checksum and was left out. */
const droppedLine = /: dropping \d+ bytes; /;

export class LevelDatabase implements Database {
  /** The last one. V8 throws away what it compiled for a class when a collection finds no object of it. */
  private readonly kept: { batch?: unknown } = {};

  private constructor(
    private readonly directory: string,
    private readonly level: Level<Uint8Array, Uint8Array>,
  ) {}

  /**
   * Opens the database in `directory`, which is made if need be, for its owner only.
   * @throws ShoalError SHARE_BUSY if a process has it open; STORE_UNOPENABLE if it is damaged; STORE_FAILED
   */
  static async open(directory: string): Promise<LevelDatabase> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await syncFile(dirname(directory)); // or all that is synced in it may be nowhere after a power cut
      await checkFiles(directory);
      const [damaged] = await damagedLiveTables(directory, await takeCheckedTables(directory));
      if (damaged !== undefined) throw storeUnopenable(directory, `its table ${damaged} is damaged`);
      const [foreign] = await foreignLogs(directory);
      if (foreign !== undefined)
        throw storeUnopenable(directory, `its log ${foreign} holds what was never written there`);
      const level = new Level<Uint8Array, Uint8Array>(directory, settings);
      await level.open();
      return new LevelDatabase(directory, level);
    } catch (error) {
      throw openFailure(directory, error);
    }
  }

  /**
   * Makes a database of whatever files of one lie in `directory`, from those parts of them that can be read. Values may be
   * lost, and older ones come back in their place. The files are changed: give it copies.
   * @throws ShoalError STORE_UNOPENABLE; STORE_FAILED
   */
  static async repair(directory: string): Promise<void> {
    try {
      await repairer.repair(directory);
    } catch (error) {
      throw openFailure(directory, error);
    }
  }

  /** Changes nothing in the database in `directory`, whether it is whole or not. @throws ShoalError SHARE_BUSY if a process has it open */
  static async assertFree(directory: string): Promise<void> {
    const level = new Level<Uint8Array, Uint8Array>(directory, {
      ...settings,
      createIfMissing: false,
      errorIfExists: true, // so it always fails: after the lock was taken, and before anything is read
    });
    try {
      await level.open();
    } catch (error) {
      const failure = openFailure(directory, error);
      if (failure.code === 'SHARE_BUSY') throw failure;
    }
  }

  /** Names of the tables that are damaged, now. @throws ShoalError STORE_FAILED */
  async damagedTables(): Promise<readonly string[]> {
    try {
      return await damagedLiveTables(this.directory);
    } catch (error) {
      throw readFailure(this.directory, error);
    }
  }

  /** Whether LevelDB found damage in a log when it was opened, and went on without what was written there. */
  async hasDroppedWrites(): Promise<boolean> {
    try {
      return droppedLine.test(await readFile(join(this.directory, 'LOG'), 'latin1'));
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return false; // it is a courtesy of LevelDB's, which goes on without it
      throw readFailure(this.directory, error);
    }
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    try {
      return plainView(await this.level.get(key));
    } catch (error) {
      if (isUnreadable(error)) return new Uint8Array(0);
      throw readFailure(this.directory, error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    try {
      return (await this.level.getMany([...keys])).map(plainView);
    } catch (error) {
      if (!isUnreadable(error)) throw readFailure(this.directory, error);
    }
    const values: (Uint8Array | undefined)[] = [];
    for (const key of keys) values.push(await this.get(key)); // one bad value fails a whole `getMany`
    return values;
  }

  async hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    try {
      return await this.level.hasMany([...keys]);
    } catch (error) {
      if (!isUnreadable(error)) throw readFailure(this.directory, error);
    }
    return (await this.getMany(keys)).map((value) => value !== undefined && value.length > 0);
  }

  async write(operations: Iterable<Operation>, options: { sync: boolean }): Promise<void> {
    try {
      const batch = this.level.batch();
      this.kept.batch = batch;
      for (const operation of operations) {
        if (operation.type === 'put') batch.put(operation.key, operation.value);
        else batch.del(operation.key);
      }
      await batch.write(options);
      if (options.sync) await syncFile(this.directory); // the log may be a new file
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async *entries(range: KeyRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
    try {
      for await (const [key, value] of this.level.iterator({
        ...range,
        highWaterMarkBytes: readAheadBytes,
      })) {
        yield [asPlain(key), asPlain(value)];
      }
    } catch (error) {
      throw readFailure(this.directory, error);
    }
  }

  async sync(): Promise<void> {
    try {
      for (const name of await readdir(this.directory)) {
        if (name.endsWith('.log')) await syncFile(join(this.directory, name));
      }
      await syncFile(this.directory);
    } catch (error) {
      throw syncFailure(this.directory, error);
    }
  }

  async compact({ gte, lt }: KeyRange): Promise<void> {
    try {
      await (this.level as Level<Uint8Array, Uint8Array> & Compactable).compactRange(gte, lt);
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async close(): Promise<void> {
    await this.level.close();
    try {
      await noteCheckedTables(this.directory);
    } catch (error) {
      // Without it the next start takes longer; a disk that is full or gone is told to whoever writes.
      if (systemCode(error) === undefined) throw error;
    }
  }
}

/** Syncs a file or a directory; one that is gone needs no sync. */
async function syncFile(path: string): Promise<void> {
  try {
    const file = await open(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function plainView(value: Uint8Array | undefined): Uint8Array | undefined {
  return value === undefined ? undefined : asPlain(value);
}

/** The same memory as a Uint8Array: LevelDB hands out Buffers, whose `slice` does not copy. */
function asPlain(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.length);
}
