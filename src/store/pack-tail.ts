/**
 * The pack that is written to. A batch has its place, behind the one before, as soon as it comes, so several are on their
 * way to the disk together, and it does not wait for this program between two of them. They end in their order.
 *
 * What a failed batch leaves in its place belongs to nobody; nothing else is put there.
 */
import type { FileHandle } from 'node:fs/promises';
import { blocksOf, isRefused, wholeBlocks } from './direct-io.js';
import { writeAll } from './file-bytes.js';
import { isUnreadable } from './level-failure.js';
import { encodeFooter, PackTable, tableRecordsMax } from './pack-footer.js';
import type { RecordPlace } from './pack-location.js';
import type { PackNote } from './pack-note.js';
import { encodePackHeader, packHeaderBytes } from './pack-record.js';
import { scanRecords } from './pack-scan.js';

/** Longest pack in bytes, without its footer, unless a single batch is longer. */
export const packBytesMax = 256 * 1024 * 1024;

/** What all packs of a store have in common while they are written. */
export interface PackWriting {
  readonly bytesMax: number;
  /** From how many bytes on a batch is written past the page cache: infinite once the file system has refused that. */
  directBytesMin: number;
  /** Opens the pack `number` for direct writes. */
  readonly openDirect: (number: number) => Promise<FileHandle>;
  /** Called when something was written that a sync of `file` puts on the disk: not before, as one may be under way. */
  readonly written: (file: FileHandle) => void;
}

/** Where a batch goes. */
interface Placed {
  /** Where `parts` begin, and where they end. */
  readonly at: number;
  readonly end: number;
  /** Where its first record begins. */
  readonly start: number;
  readonly parts: readonly Uint8Array[];
  readonly isDirect: boolean;
}

export class PackTail {
  /** The records from `from` on. Those before were written by an earlier process. */
  private readonly table = new PackTable();
  /** The same file, open for direct writes since the first of them. */
  private direct: Promise<FileHandle> | undefined;
  /** End of what has its place. */
  private placedEnd: number;
  private recordsPlaced = 0;
  private writtenEnd: number;
  /** Ends when all batches that have come are written and entered, or have failed. Never rejects. */
  private writing: Promise<unknown> = Promise.resolve();

  /** @param from - the end of what is in `file` already */
  constructor(
    readonly pack: number,
    readonly file: FileHandle,
    private readonly from: number,
    private readonly shared: PackWriting,
  ) {
    this.placedEnd = from;
    this.writtenEnd = from;
  }

  /** Where the records end that were written, with all before them. */
  get end(): number {
    return this.writtenEnd;
  }

  hasRoom(records: readonly Uint8Array[]): boolean {
    return (
      this.placedEnd + totalBytes(records) <= this.shared.bytesMax &&
      this.recordsPlaced + records.length <= tableRecordsMax
    );
  }

  /** Writes `records` behind those of the calls before, and resolves after those. @returns where each begins */
  append(records: readonly Uint8Array[]): Promise<readonly RecordPlace[]> {
    const appending = this.writeAndEnter(records, this.place(records), this.writing);
    this.writing = Promise.allSettled([this.writing, appending]);
    return appending;
  }

  /**
   * Ends the pack with its footer. A crash leaves it without one or with a torn one, and unnoted: then the next start
   * notes it as it is.
   */
  async finish(storeId: Uint8Array): Promise<PackNote> {
    await this.writing;
    const tables = await this.tables();
    await this.closeDirect();
    if (tables === undefined) return { storeId, length: this.writtenEnd, footerHash: undefined };
    const header = encodePackHeader(storeId, this.pack);
    const footer = encodeFooter(header, tables, this.writtenEnd);
    await this.writeCached([footer.bytes], this.writtenEnd);
    return { storeId, length: this.writtenEnd + footer.bytes.length, footerHash: footer.hash };
  }

  /** Closes its files once all writes have ended. */
  async close(): Promise<void> {
    await this.writing;
    await this.closeDirect();
    await this.file.close();
  }

  private async closeDirect(): Promise<void> {
    const direct = await this.direct?.catch(() => undefined); // it could not be opened: whoever wrote was told
    await direct?.close();
  }

  /** Past the page cache if it is large enough, and lies in memory that takes. */
  private place(records: readonly Uint8Array[]): Placed {
    const blocks = totalBytes(records) >= this.shared.directBytesMin ? blocksOf(records) : undefined;
    const at = blocks === undefined ? this.placedEnd : wholeBlocks(this.placedEnd);
    const parts = blocks === undefined ? records : [blocks.bytes];
    const start = at + (blocks?.before ?? 0);
    this.placedEnd = at + totalBytes(parts);
    this.recordsPlaced += records.length;
    return { at, start, end: this.placedEnd, parts, isDirect: blocks !== undefined };
  }

  /** Writes a batch, and enters it in the table after those `earlier`. */
  private async writeAndEnter(
    records: readonly Uint8Array[],
    placed: Placed,
    earlier: Promise<unknown>,
  ): Promise<readonly RecordPlace[]> {
    await Promise.all([this.write(placed), earlier]);
    this.writtenEnd = placed.end;
    let offset = placed.start;
    return records.map((record) => {
      const place = { pack: this.pack, offset };
      this.table.add(offset, record);
      offset += record.length;
      return place;
    });
  }

  private async write({ parts, at, isDirect }: Placed): Promise<void> {
    if (!isDirect || !(await this.writeDirectly(parts, at))) await this.writeCached(parts, at);
  }

  /** @returns false if the file system takes no direct writes */
  private async writeDirectly(parts: readonly Uint8Array[], at: number): Promise<boolean> {
    try {
      this.direct ??= this.shared.openDirect(this.pack);
      await writeAll(await this.direct, parts, at);
      return true;
    } catch (error) {
      if (!isRefused(error)) throw error;
      this.shared.directBytesMin = Number.POSITIVE_INFINITY;
      return false;
    } finally {
      this.shared.written(this.file); // what was written directly is on the disk when the file is synced
    }
  }

  private async writeCached(parts: readonly Uint8Array[], at: number): Promise<void> {
    try {
      await writeAll(this.file, parts, at);
    } finally {
      this.shared.written(this.file);
    }
  }

  /** The tables of all records; undefined if the older part cannot be read, or holds too many. */
  private async tables(): Promise<PackTable[] | undefined> {
    if (this.from === packHeaderBytes) return [this.table];
    const older = new PackTable();
    try {
      for await (const { offset, header } of scanRecords(this.file, packHeaderBytes, this.from)) {
        if (older.count + this.table.count >= tableRecordsMax) return undefined;
        older.add(offset, header);
      }
    } catch (error) {
      if (isUnreadable(error)) return undefined; // the pack stays without a footer; `verify` says which chunks are lost
      throw error;
    }
    return [older, this.table];
  }
}

function totalBytes(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
