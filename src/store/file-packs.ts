/**
 * Packs in files `packs/00000001.pack`, ... beside the files of the database.
 *
 * Invariants:
 * - Append-only. A record is written before the database speaks of it, and nothing that it speaks of is written over.
 * - The last pack goes on only if it is as long as the database says, or longer: what is beyond is a torn batch that
 *   nothing refers to. If it is shorter, a power cut took its end away, and a new pack begins: so that every location
 *   in the lost part lies beyond the end of its pack for good and is not taken for a chunk that is there.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChunkId, EncodedChunk } from '../chunking/index.js';
import { systemCode } from '../error.js';
import { packsName } from './database-files.js';
import {
  isUnreadable,
  openFailure,
  readFailure,
  storeClosed,
  syncFailure,
  writeFailure,
} from './level-failure.js';
import { PackDescriptors } from './pack-descriptors.js';
import type { PackLocation, RecordPlace } from './pack-location.js';
import {
  chunkInRecord,
  encodePackHeader,
  packHeaderBytes,
  recordHeaderBytes,
  storeIdBytes,
} from './pack-record.js';
import type { PackState, Packs } from './packs.js';

/** Longest pack in bytes, unless a single batch is longer. */
const packBytesMax = 256 * 1024 * 1024;
/** Most packs that may wait for `sync`: one more, and they are synced while they are written. */
const unsyncedPacksMax = 4;
const packName = /^(\d{8,})\.pack$/;
const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
const ownerOnly = 0o600;

/** The pack that is written to. */
interface Tail {
  readonly file: FileHandle;
  readonly pack: number;
  end: number;
}

/** Opens a file as `open` of `node:fs/promises` does. */
export type OpenFile = (path: string, flags: number, mode?: number) => Promise<FileHandle>;

/** What tests put in the place of a whole disk and of large packs. */
interface FilePacksOptions {
  readonly openFile?: OpenFile;
  readonly bytesMax?: number;
}

export class FilePacks implements Packs {
  private readonly descriptors: PackDescriptors;
  /** Open for writing and not synced since, the tail among them when it is. */
  private readonly unsynced = new Set<FileHandle>();
  private directoryUnsynced = true;
  private tail: Tail | undefined;
  private closed = false;

  private constructor(
    private readonly directory: string,
    private readonly storeId: Uint8Array,
    /** Highest number of a pack that is there or was there. */
    private lastPack: number,
    private readonly openFile: OpenFile,
    private readonly bytesMax: number,
  ) {
    this.descriptors = new PackDescriptors((pack) => openFile(this.pathOf(pack), constants.O_RDONLY));
  }

  /**
   * Opens the packs of the store in `storeDirectory`.
   * @param state - as it was written last; undefined if that is not known
   * @throws ShoalError STORE_FAILED
   */
  static async open(
    storeDirectory: string,
    state: PackState | undefined,
    { openFile = open, bytesMax = packBytesMax }: FilePacksOptions = {},
  ): Promise<FilePacks> {
    const directory = join(storeDirectory, packsName);
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const numbers = (await readdir(directory)).map((name) => Number(packName.exec(name)?.[1] ?? 0));
      const lastPack = numbers.reduce((last, number) => Math.max(last, number), state?.pack ?? 0);
      const storeId = state?.storeId ?? randomBytes(storeIdBytes);
      const packs = new FilePacks(directory, storeId, lastPack, openFile, bytesMax);
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
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    try {
      const tail = await this.tailFor(bytes);
      this.unsynced.add(tail.file);
      await writeAll(tail.file, records, tail.end);
      return records.map((record) => {
        const place = { pack: tail.pack, offset: tail.end };
        tail.end += record.length;
        return place;
      });
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async read(id: ChunkId, location: PackLocation): Promise<EncodedChunk | undefined> {
    if (this.closed) throw storeClosed();
    const record = Buffer.allocUnsafeSlow(recordHeaderBytes + location.encodedLength);
    try {
      const bytesRead = await this.descriptors.use(location.pack, (file) =>
        readAll(file, record, location.offset),
      );
      if (bytesRead < record.length) return undefined;
    } catch (error) {
      if (this.closed) throw storeClosed();
      if (systemCode(error) === 'ENOENT' || isUnreadable(error)) return undefined;
      throw readFailure(this.directory, error);
    }
    return chunkInRecord(id, location, new Uint8Array(record.buffer));
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

  async sync(): Promise<void> {
    try {
      for (const file of this.unsynced) {
        await file.datasync();
        this.unsynced.delete(file);
        if (file !== this.tail?.file) await file.close();
      }
      if (this.directoryUnsynced) await this.syncDirectory();
    } catch (error) {
      throw syncFailure(this.directory, error);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const written = new Set(this.unsynced);
    if (this.tail !== undefined) written.add(this.tail.file);
    this.tail = undefined;
    this.unsynced.clear();
    await this.descriptors.close();
    await Promise.all(Array.from(written, (file) => file.close()));
  }

  /** The pack that `bytes` more go to. */
  private async tailFor(bytes: number): Promise<Tail> {
    if (this.tail !== undefined && this.tail.end + bytes <= this.bytesMax) return this.tail;
    if (this.unsynced.size >= unsyncedPacksMax) await this.sync();
    const finished = this.tail?.file;
    if (finished !== undefined && !this.unsynced.has(finished)) await finished.close();
    this.tail = await this.createTail(this.lastPack + 1);
    return this.tail;
  }

  private async createTail(pack: number): Promise<Tail> {
    const file = await this.openFile(this.pathOf(pack), createFlags, ownerOnly);
    this.lastPack = pack;
    this.unsynced.add(file);
    this.directoryUnsynced = true;
    await writeAll(file, [encodePackHeader(this.storeId, pack)], 0);
    return { file, pack, end: packHeaderBytes };
  }

  /** The last pack, if it may be continued. */
  private async continuedTail({ pack, length }: PackState): Promise<Tail | undefined> {
    const size = await this.lengthOf(pack);
    if (size < length || size < packHeaderBytes || size >= this.bytesMax) return undefined;
    const file = await this.openFile(this.pathOf(pack), constants.O_RDWR);
    const header = Buffer.alloc(packHeaderBytes);
    await readAll(file, header, 0);
    if (header.equals(encodePackHeader(this.storeId, pack))) {
      this.unsynced.add(file); // what was written before this process began may not be on the disk
      return { file, pack, end: size };
    }
    await file.close();
    return undefined;
  }

  private async syncDirectory(): Promise<void> {
    const directory = await open(this.directory, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    this.directoryUnsynced = false;
  }

  private pathOf(pack: number): string {
    return join(this.directory, `${String(pack).padStart(8, '0')}.pack`);
  }
}

/** Writes all of `parts` from `position` on, in as few calls as the system allows. */
async function writeAll(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
  let rest = parts;
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

/** What is left of `parts` without their first `count` bytes. */
function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}

/** Fills `into` from `position` on. @returns how many bytes there were */
async function readAll(file: FileHandle, into: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await file.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
