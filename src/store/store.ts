/**
 * The store of one share on this device: chunks and records in one database and its packs, owned by one process.
 *
 * Writes keep their order: a commit is written after every chunk put before it, and a durable commit after those
 * chunks are on the disk. So a root that was committed durably names no chunk that a power cut can take away.
 */
import assert from 'node:assert/strict';
import type { ChunkId } from '../chunking/index.js';
import type { ChunkStore } from './chunk-store.js';
import { type AppendedBatch, ChunkWriter } from './chunk-writer.js';
import { Collection } from './collection.js';
import { DamageList } from './damage-list.js';
import type { Database, Operation } from './database.js';
import { DatabaseChunkStore } from './database-chunk-store.js';
import { DatabaseRecordStore } from './database-record-store.js';
import { FilePacks } from './file-packs.js';
import { checkFormat, formatVersion } from './format.js';
import { IdFilter } from './id-filter.js';
import { lostWritesKey, packStateKey } from './key.js';
import { LevelDatabase } from './level-database.js';
import { migrate } from './migration.js';
import { unsealPackState } from './pack-state.js';
import { noteStrays } from './pack-strays.js';
import type { Packs } from './packs.js';
import type { RecordChange, RecordKind, RecordStore, RecordsOptions } from './record-store.js';
import { sealValue } from './sealed-value.js';
import { type SweepOptions, type Swept, sweep } from './sweep.js';
import { WriteQueue } from './write-queue.js';

export interface StoreOptions {
  /** Told of each chunk that is found damaged, once until it is healed. Must not throw. */
  readonly onDamage?: (id: ChunkId) => void;
  /** Bytes after which a pack is finished, if not as many as usual: tests have small packs. */
  readonly packBytesMax?: number;
  /** Bytes from which on what is given may be written directly, if not as many as usual: for tests. */
  readonly directBytesMin?: number;
}

/** What an open store offers; tests may put one in memory in its place. */
export interface OpenStore extends RecordStore {
  readonly chunks: ChunkStore;
  close(): Promise<void>;
}

/** A collection that was begun: first everything that is needed is kept, then the rest is swept. */
export interface OpenCollection {
  /** `id` is needed. May be called often. */
  keep(id: ChunkId): void;
  /** Deletes what was not kept, nor put, read or asked for since the collection began. */
  sweep(options?: SweepOptions): Promise<Swept>;
  /** To be called in any case, at the end. */
  end(): void;
}

interface StoreParts {
  readonly database: Database;
  readonly packs: Packs;
  /** Names of damaged files of the database, where it has files of its own. */
  readonly damagedTables?: () => Promise<readonly string[]>;
}

export class Store implements OpenStore {
  readonly chunks: ChunkStore;
  private readonly recordStore: RecordStore;
  private readonly queue: WriteQueue<AppendedBatch>;
  private readonly chunkStore: DatabaseChunkStore;
  private closing: Promise<void> | undefined;
  /** Whether something may have been written that is not on the disk. */
  private unsynced = true;

  private readonly database: Database;
  private readonly packs: Packs;

  private constructor(
    parts: StoreParts,
    private readonly writer: ChunkWriter,
    damage: DamageList,
  ) {
    const { database, packs } = parts;
    this.database = database;
    this.packs = packs;
    this.queue = new WriteQueue({
      lookUp: async (chunks) => {
        this.unsynced = true;
        return writer.lookUp(chunks);
      },
      finish: (batches) => writer.finish(batches),
    });
    const sync = (): Promise<void> => this.writeInOrder(undefined, { durable: true });
    this.chunkStore = new DatabaseChunkStore({ ...parts, queue: this.queue, writer, damage, sync });
    this.chunks = this.chunkStore;
    this.recordStore = new DatabaseRecordStore(database, (operations, options) =>
      this.writeInOrder(operations, options),
    );
  }

  /**
   * Opens the store whose files lie in `directory`, or makes it, readable by its owner only.
   * @throws ShoalError SHARE_BUSY if another process has it open; STORE_UNOPENABLE if it is damaged or of a newer
   * format; STORE_FAILED
   */
  static async open(directory: string, options: StoreOptions = {}): Promise<Store> {
    const database = await LevelDatabase.open(directory);
    let packs: Packs | undefined;
    try {
      const version = await checkFormat(directory, database);
      if (await database.hasDroppedWrites()) await noteLostWrites(database);
      const sealed = await database.get(packStateKey);
      const state = sealed && unsealPackState(sealed);
      packs = await FilePacks.open(directory, state, {
        bytesMax: options.packBytesMax,
        directBytesMin: options.directBytesMin,
      });
      if (version < formatVersion) await migrate({ database, packs }, version);
      await noteStrays(database, packs, state?.pack ?? 0);
      return await Store.over({ database, packs, damagedTables: () => database.damagedTables() }, options);
    } catch (error) {
      await packs?.close();
      await database.close();
      throw error;
    }
  }

  /** A store over a database that is open and of the right format, and its packs. */
  static async over(parts: StoreParts, options: StoreOptions = {}): Promise<Store> {
    const { database, packs } = parts;
    const damage = new DamageList(options.onDamage ?? (() => {}));
    return new Store(parts, await ChunkWriter.open(database, packs, damage), damage);
  }

  getRecord(kind: RecordKind, key: string): Promise<Uint8Array | undefined> {
    return this.recordStore.getRecord(kind, key);
  }

  records(kind: RecordKind, options: RecordsOptions = {}): AsyncGenerator<[string, Uint8Array]> {
    return this.recordStore.records(kind, options);
  }

  commit(changes: readonly RecordChange[], options: { durable: boolean }): Promise<void> {
    return this.recordStore.commit(changes, options);
  }

  /**
   * Begins a collection, one at a time. From now on every id that is put, read or asked for stays; what was found before
   * is the caller's to keep.
   */
  beginCollection(): OpenCollection {
    const { chunkStore, database, packs, writer } = this;
    assert(chunkStore.collection === undefined, 'one collection at a time');
    const live = new IdFilter(writer.totals.chunks + this.queue.length);
    const collection = new Collection(live);
    chunkStore.collection = collection;
    const step = (run: () => Promise<void>): Promise<void> =>
      this.queue.step(async () => {
        this.unsynced = true;
        await run();
      });
    const check = async (id: ChunkId): Promise<boolean> => (await chunkStore.get(id)) !== undefined;
    return {
      keep: (id) => collection.keep(id),
      sweep: (options) => sweep({ database, packs, writer, step, check }, collection, options),
      end: () => {
        chunkStore.collection = undefined;
      },
    };
  }

  /**
   * Writes what is queued and gives the store free for other processes; a second call waits for the first.
   * @throws ShoalError STORE_FAILED (or STORE_DAMAGED) if a write has failed: the store is closed all the same
   */
  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<void> {
    try {
      await this.queue.close();
    } finally {
      await this.closeFiles();
    }
  }

  private async closeFiles(): Promise<void> {
    try {
      await this.packs.close(); // before the database, whose lock keeps other processes off the packs
    } finally {
      await this.database.close();
    }
  }

  private writeInOrder(
    operations: Iterable<Operation> | undefined,
    { durable }: { durable: boolean },
  ): Promise<void> {
    return this.queue.step(async () => {
      if (durable && this.unsynced) await this.syncNow();
      if (operations === undefined) return;
      if (!durable) this.unsynced = true;
      await this.database.write(operations, { sync: durable });
    });
  }

  private async syncNow(): Promise<void> {
    await this.packs.sync(); // first: what the database says of packs must be true
    await this.database.sync();
    this.unsynced = false;
  }
}

/** So that `checkPacks` tells it until it is settled: LevelDB itself says it once. */
function noteLostWrites(database: Database): Promise<void> {
  const value = sealValue(lostWritesKey);
  return database.write([{ type: 'put', key: lostWritesKey, value }], { sync: true });
}
