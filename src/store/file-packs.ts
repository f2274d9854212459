/**
 * Packs in files `packs/00000001.pack`, ... beside the files of the database.
 *
 * Invariants:
 * - Append-only. A record is written before the database speaks of it, and nothing that it speaks of is written over.
 * - The last pack goes on only if it is as long as the database says, or longer: what is beyond is a torn batch that
 *   nothing refers to. If it is shorter, a power cut took its end away, and a new pack begins: so that every location
 *   in the lost part lies beyond the end of its pack for good and is not taken for a chunk that is there.
 * - A pack that is finished gets a footer before the next one begins, and is noted in the database with the first batch
 *   that went to the next one. It is never written to again, whether it got its footer or a crash came before.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../error.js';
import type { Operation } from './database.js';
import { packsName } from './database-files.js';
import { blocksOf, directBytesMin, directFlags, isRefused, wholeBlocks } from './direct-io.js';
import { syncDirectory, writeAll } from './file-bytes.js';
import {
  isUnreadable,
  openFailure,
  readFailure,
  storeClosed,
  syncFailure,
  writeFailure,
} from './level-failure.js';
import { PackDescriptors } from './pack-descriptors.js';
import { inspectPack, type PackInspection } from './pack-file.js';
import { encodeFooter, PackTable, tableRecordsMax } from './pack-footer.js';
import type { RecordPlace } from './pack-location.js';
import { noteOperation, type PackNote } from './pack-note.js';
import { PackReads } from './pack-reads.js';
import { encodePackHeader, packHeaderBytes, storeIdBytes } from './pack-record.js';
import { scanRecords } from './pack-scan.js';
import type { PackState, Packs } from './packs.js';

/** Longest pack in bytes, without its footer, unless a single batch is longer. */
const packBytesMax = 256 * 1024 * 1024;
/** Most packs that may wait for `sync`: one more, and they are synced while they are written. */
const unsyncedPacksMax = 4;
const packName = /^(\d{8,10})\.pack$/;
/** Highest number of a pack that is looked at: leaves room for many more in 32 bits. */
const packNumberMax = 2 ** 31;
const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
const ownerOnly = 0o600;

/** The pack that is written to. */
interface Tail {
  readonly file: FileHandle;
  /** The same file, open for direct writes since the first of them. */
  direct?: FileHandle;
  readonly pack: number;
  end: number;
  /** The records from `tableFrom` on. Those before were written by an earlier process. */
  readonly table: PackTable;
  readonly tableFrom: number;
}

/** Opens a file as `open` of `node:fs/promises` does. */
export type OpenFile = (path: string, flags: number, mode?: number) => Promise<FileHandle>;

/** What tests put in the place of a whole disk and of large packs. */
interface FilePacksOptions {
  readonly openFile?: OpenFile;
  readonly bytesMax?: number | undefined;
  readonly directBytesMin?: number | undefined;
}

export class FilePacks implements Packs {
  private readonly descriptors: PackDescriptors;
  private readonly reads: PackReads;
  /** Open for writing and written since a sync of them began, the tail among them when it is. */
  private readonly unsynced = new Set<FileHandle>();
  /** Ends when the sync that was begun last does; once one has failed all later ones do. */
  private syncing: Promise<void> = Promise.resolve();
  private directoryUnsynced = true;
  private tail: Tail | undefined;
  private notes: Operation[] = [];
  private storeId: Uint8Array = new Uint8Array(storeIdBytes);
  private closed = false;
  /** Whether the file system may take direct writes: it has not refused one. */
  private takesDirect = directFlags !== undefined;

  private constructor(
    private readonly directory: string,
    /** Highest number of a pack that is there or was there. */
    private lastPack: number,
    private readonly openFile: OpenFile,
    private readonly bytesMax: number,
    private readonly directBytes: number,
  ) {
    this.descriptors = new PackDescriptors((pack) => openFile(this.pathOf(pack), constants.O_RDONLY));
    this.reads = new PackReads(this.descriptors);
  }

  /**
   * Opens the packs of the store in `storeDirectory`.
   * @param state - as it was written last; undefined if that is not known
   * @throws ShoalError STORE_FAILED
   */
  static async open(
    storeDirectory: string,
    state: PackState | undefined,
    {
      openFile = open,
      bytesMax = packBytesMax,
      directBytesMin: directBytes = directBytesMin,
    }: FilePacksOptions = {},
  ): Promise<FilePacks> {
    const directory = join(storeDirectory, packsName);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await syncDirectory(storeDirectory); // the directory of packs must not be lost with all that is synced in it
      const numbers = await packNumbersIn(directory);
      const lastPack = Math.max(state?.pack ?? 0, numbers.at(-1) ?? 0);
      const packs = new FilePacks(directory, lastPack, openFile, bytesMax, directBytes);
      packs.storeId = state?.storeId ?? (await packs.storeIdIn(numbers)) ?? randomBytes(storeIdBytes);
      if (state?.pack === lastPack && lastPack > 0) packs.tail = await packs.continuedTail(state);
      return packs;
    } catch (error) {
      throw openFailure(directory, error);
    }
  }

  get state(): PackState {
    return { storeId: this.storeId, pack: this.lastPack, length: this.tail?.end ?? 0 };
  }

  async append(records: readonly Uint8Array[]): Promise<readonly RecordPlace[]> {
    try {
      const tail = await this.tailFor(records);
      const { start, end } = await this.writeRecords(tail, records);
      let offset = start;
      const places = records.map((record) => {
        const place = { pack: tail.pack, offset };
        tail.table.add(offset, record);
        offset += record.length;
        return place;
      });
      tail.end = end;
      return places;
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async read({ pack, offset }: RecordPlace, length: number): Promise<Uint8Array | undefined> {
    if (this.closed) throw storeClosed();
    try {
      return await this.reads.read(pack, offset, length);
    } catch (error) {
      if (this.closed) throw storeClosed();
      if (systemCode(error) === 'ENOENT' || isUnreadable(error)) return undefined;
      throw readFailure(this.directory, error);
    }
  }

  async lengthOf(pack: number): Promise<number> {
    if (pack === this.tail?.pack) return this.tail.end;
    try {
      return (await stat(this.pathOf(pack))).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT' || isUnreadable(error)) return 0;
      throw readFailure(this.directory, error);
    }
  }

  takeNotes(): readonly Operation[] {
    return this.notes.splice(0);
  }

  async numbers(): Promise<readonly number[]> {
    try {
      return await packNumbersIn(this.directory);
    } catch (error) {
      throw readFailure(this.directory, error);
    }
  }

  async inspect(pack: number): Promise<PackInspection | 'missing' | 'unreadable'> {
    if (this.closed) throw storeClosed();
    try {
      const file = await this.openFile(this.pathOf(pack), constants.O_RDONLY); // what is there now, not what was opened
      try {
        return await inspectPack(file);
      } finally {
        await file.close();
      }
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return 'missing';
      if (isUnreadable(error)) return 'unreadable';
      throw readFailure(this.directory, error);
    }
  }

  async seal(): Promise<void> {
    try {
      await this.nextTail();
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async remove(pack: number): Promise<void> {
    assert(pack !== this.tail?.pack, 'a pack that is written to is not removed');
    try {
      this.reads.begin();
      await this.descriptors.release(pack);
      await rm(this.pathOf(pack), { force: true });
      await syncDirectory(this.directory);
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(this.directory);
      return bavail * bsize;
    } catch (error) {
      throw readFailure(this.directory, error);
    }
  }

  sync(): Promise<void> {
    this.syncing = this.syncing.then(() => this.syncNow());
    return this.syncing;
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.syncing.catch(() => undefined); // who asked for it has been told
    const written = new Set(this.unsynced);
    if (this.tail !== undefined) written.add(this.tail.file);
    if (this.tail?.direct !== undefined) written.add(this.tail.direct);
    this.tail = undefined;
    this.unsynced.clear();
    this.reads.begin();
    await this.descriptors.close();
    await Promise.all(Array.from(written, (file) => file.close()));
  }

  /** Others may append meanwhile: what is written after this began is for the next one. */
  private async syncNow(): Promise<void> {
    const files = [...this.unsynced];
    this.unsynced.clear();
    try {
      for (const file of files) await file.datasync();
      if (this.directoryUnsynced) {
        this.directoryUnsynced = false;
        await syncDirectory(this.directory);
      }
      for (const file of files) if (file !== this.tail?.file && !this.unsynced.has(file)) await file.close();
    } catch (error) {
      for (const file of files) this.unsynced.add(file); // to be closed
      throw syncFailure(this.directory, error);
    }
  }

  /** Writes `records` at the end, past the page cache if they are many and lie in the memory that takes. @returns where */
  private async writeRecords(
    tail: Tail,
    records: readonly Uint8Array[],
  ): Promise<{ readonly start: number; readonly end: number }> {
    const blocks = this.takesDirect ? blocksOf(records) : undefined;
    if (blocks !== undefined && blocks.bytes.length >= this.directBytes) {
      const at = wholeBlocks(tail.end);
      if (await this.writeDirectly(tail, blocks.bytes, at))
        return { start: at + blocks.before, end: at + blocks.bytes.length };
    }
    await this.write(tail.file, records, tail.end);
    return { start: tail.end, end: records.reduce((sum, record) => sum + record.length, tail.end) };
  }

  /** @returns false if the file system takes no direct writes: then the pack is as it was */
  private async writeDirectly(tail: Tail, blocks: Uint8Array, at: number): Promise<boolean> {
    try {
      tail.direct ??= await this.openFile(this.pathOf(tail.pack), directFlags ?? constants.O_WRONLY);
      await writeAll(tail.direct, [blocks], at);
      return true;
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.takesDirect = false;
      await tail.file.truncate(tail.end);
      return false;
    } finally {
      this.unsynced.add(tail.file); // what was written directly is on the disk when the file is synced
    }
  }

  private async write(file: FileHandle, parts: readonly Uint8Array[], at: number): Promise<void> {
    try {
      await writeAll(file, parts, at);
    } finally {
      this.unsynced.add(file); // only now: a sync that began meanwhile may have missed a part
    }
  }

  /** The pack that `records` go to. */
  private async tailFor(records: readonly Uint8Array[]): Promise<Tail> {
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    if (this.tail !== undefined && this.hasRoom(this.tail, records.length, bytes)) return this.tail;
    return this.nextTail();
  }

  private async nextTail(): Promise<Tail> {
    if (this.unsynced.size >= unsyncedPacksMax) await this.sync();
    if (this.tail !== undefined) await this.finish(this.tail);
    this.tail = await this.createTail(this.lastPack + 1);
    return this.tail;
  }

  private hasRoom({ end, table }: Tail, records: number, bytes: number): boolean {
    return end + bytes <= this.bytesMax && table.count + records <= tableRecordsMax;
  }

  /**
   * Ends a pack with its footer, and notes it. A crash leaves it without a footer or with a torn one, and unnoted: then
   * the next start notes it as it is.
   */
  private async finish(tail: Tail): Promise<void> {
    const { file, direct, pack, end } = tail;
    const header = encodePackHeader(this.storeId, pack);
    const tables = await tablesOf(tail);
    let note: PackNote = { storeId: this.storeId, length: end, footerHash: undefined };
    if (tables !== undefined) {
      const footer = encodeFooter(header, tables, end);
      await this.write(file, [footer.bytes], end);
      note = { ...note, length: end + footer.bytes.length, footerHash: footer.hash };
    }
    this.unsynced.add(file); // the next sync closes it
    await direct?.close();
    this.tail = undefined;
    this.notes.push(noteOperation(pack, note));
  }

  private async createTail(pack: number): Promise<Tail> {
    const file = await this.openFile(this.pathOf(pack), createFlags, ownerOnly);
    this.lastPack = pack;
    this.unsynced.add(file);
    this.directoryUnsynced = true;
    await this.write(file, [encodePackHeader(this.storeId, pack)], 0);
    return { file, pack, end: packHeaderBytes, table: new PackTable(), tableFrom: packHeaderBytes };
  }

  /** The id of the store by its latest pack that tells it. */
  private async storeIdIn(numbers: readonly number[]): Promise<Uint8Array | undefined> {
    for (const pack of numbers.toReversed()) {
      const found = await this.inspect(pack);
      if (typeof found === 'object' && found.header?.number === pack) return found.header.storeId;
    }
    return undefined;
  }

  /** The last pack, if it may be continued. */
  private async continuedTail({ pack, length }: PackState): Promise<Tail | undefined> {
    const found = await this.inspect(pack);
    if (typeof found === 'string' || found.footer !== undefined) return undefined;
    const { length: size, header } = found;
    if (header?.number !== pack || Buffer.compare(header.storeId, this.storeId) !== 0) return undefined;
    if (size < length || size >= this.bytesMax) return undefined;
    const file = await this.openFile(this.pathOf(pack), constants.O_RDWR);
    this.unsynced.add(file); // what was written before this process began may not be on the disk
    return { file, pack, end: size, table: new PackTable(), tableFrom: size };
  }

  private pathOf(pack: number): string {
    return packPath(this.directory, pack);
  }
}

/** Where the pack `number` lies in `directory`. */
export function packPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(8, '0')}.pack`);
}

/** Numbers of the packs in `directory`, in their order. */
export async function packNumbersIn(directory: string): Promise<number[]> {
  const numbers = (await readdir(directory)).map((name) => Number(packName.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0 && number <= packNumberMax).sort((a, b) => a - b);
}

/** The tables of all records of a pack; undefined if the older part cannot be read, or holds too many. */
async function tablesOf({ file, table, tableFrom }: Tail): Promise<PackTable[] | undefined> {
  if (tableFrom === packHeaderBytes) return [table];
  const older = new PackTable();
  try {
    for await (const { offset, header } of scanRecords(file, packHeaderBytes, tableFrom)) {
      if (older.count + table.count >= tableRecordsMax) return undefined;
      older.add(offset, header);
    }
  } catch (error) {
    if (isUnreadable(error)) return undefined; // the pack stays without a footer; `verify` says which chunks are lost
    throw error;
  }
  return [older, table];
}
