/**
 * Packs in files `packs/00000001.pack`, ... beside the files of the database.
 *
 * Invariants:
 * - Append-only. A record is written before the database speaks of it, and nothing that it speaks of is written over.
 * - The last pack goes on only if it is as long as the database says, or longer: what is beyond are torn batches that
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
import { directBytesMin, directFlags } from './direct-io.js';
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
import type { RecordPlace } from './pack-location.js';
import { noteOperation } from './pack-note.js';
import { PackReads } from './pack-reads.js';
import { encodePackHeader, packHeaderBytes, storeIdBytes } from './pack-record.js';
import { PackTail, type PackWriting, packBytesMax } from './pack-tail.js';
import type { PackState, Packs } from './packs.js';

/** Most packs that may wait for `sync`: one more, and they are synced while they are written. */
const unsyncedPacksMax = 4;
const packName = /^(\d{8,10})\.pack$/;
/** Highest number of a pack that is looked at: leaves room for many more in 32 bits. */
const packNumberMax = 2 ** 31;
const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
const ownerOnly = 0o600;

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
  private readonly writing: PackWriting;
  /** Open for writing and written since a sync of them began, the tail among them when it is. */
  private readonly unsynced = new Set<FileHandle>();
  /** Ends when the sync that was begun last does; once one has failed all later ones do. */
  private syncing: Promise<void> = Promise.resolve();
  private directoryUnsynced = true;
  private tail: PackTail | undefined;
  /** Ends when every batch that has come has its place. Never rejects. */
  private placing: Promise<unknown> = Promise.resolve();
  private notes: Operation[] = [];
  private storeId: Uint8Array = new Uint8Array(storeIdBytes);
  private closed = false;

  private constructor(
    private readonly directory: string,
    /** Highest number of a pack that is there or was there. */
    private lastPack: number,
    private readonly openFile: OpenFile,
    bytesMax: number,
    directBytes: number,
  ) {
    this.writing = {
      bytesMax,
      directBytesMin: directFlags === undefined ? Number.POSITIVE_INFINITY : directBytes,
      openDirect: (pack) => openFile(this.pathOf(pack), directFlags ?? constants.O_WRONLY),
      written: (file) => this.unsynced.add(file),
    };
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
      if (state?.pack === lastPack && lastPack > 0) await packs.continueTail(state);
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
      const { appended } = await this.inTurn(async () => {
        const tail = this.tail?.hasRoom(records) ? this.tail : await this.nextTail();
        return { appended: tail.append(records) }; // under way when the next batch takes its turn
      });
      return await appended;
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
      await this.inTurn(() => this.nextTail());
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
    await this.placing;
    await this.syncing.catch(() => undefined); // who asked for it has been told
    const finished = [...this.unsynced].filter((file) => file !== this.tail?.file);
    await this.tail?.close();
    this.tail = undefined;
    this.unsynced.clear();
    this.reads.begin();
    await this.descriptors.close();
    await Promise.all(finished.map((file) => file.close()));
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

  /** Runs `run` once everything that came before has its place. */
  private inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.placing.then(run);
    this.placing = result.catch(() => undefined); // thrown to the caller
    return result;
  }

  private async nextTail(): Promise<PackTail> {
    if (this.unsynced.size >= unsyncedPacksMax) await this.sync();
    if (this.tail !== undefined) {
      const { pack, file } = this.tail;
      const note = await this.tail.finish(this.storeId);
      this.unsynced.add(file); // the next sync closes it
      this.tail = undefined;
      this.notes.push(noteOperation(pack, note));
    }
    return this.createTail(this.lastPack + 1);
  }

  private async createTail(pack: number): Promise<PackTail> {
    const file = await this.openFile(this.pathOf(pack), createFlags, ownerOnly);
    this.lastPack = pack;
    this.directoryUnsynced = true;
    try {
      await writeAll(file, [encodePackHeader(this.storeId, pack)], 0);
    } catch (error) {
      await file.close();
      throw error;
    }
    return this.writeTo(new PackTail(pack, file, packHeaderBytes, this.writing));
  }

  /** Makes `tail` the pack that is written to. A sync closes all others that it has synced. */
  private writeTo(tail: PackTail): PackTail {
    this.unsynced.add(tail.file);
    this.tail = tail;
    return tail;
  }

  /** The id of the store by its latest pack that tells it. */
  private async storeIdIn(numbers: readonly number[]): Promise<Uint8Array | undefined> {
    for (const pack of numbers.toReversed()) {
      const found = await this.inspect(pack);
      if (typeof found === 'object' && found.header?.number === pack) return found.header.storeId;
    }
    return undefined;
  }

  /** Goes on with the last pack, if it may be continued. */
  private async continueTail({ pack, length }: PackState): Promise<void> {
    const found = await this.inspect(pack);
    if (typeof found === 'string' || found.footer !== undefined) return;
    const { length: size, header } = found;
    if (header?.number !== pack || Buffer.compare(header.storeId, this.storeId) !== 0) return;
    if (size < length || size >= this.writing.bytesMax) return;
    const file = await this.openFile(this.pathOf(pack), constants.O_RDWR);
    // Unsynced, as what was written before this process began may not be on the disk.
    this.writeTo(new PackTail(pack, file, size, this.writing));
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
