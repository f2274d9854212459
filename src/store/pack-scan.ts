/**
 * Finds the records of a pack by reading it from front to back, where there is no footer to tell: every record that is
 * whole and has its checksum is found, whatever lies before it. After damage the scan goes on at the next bytes that
 * look like a record and are one.
 *
 * Memory: one window of two of the longest records, whatever the pack holds.
 */
import type { FileHandle } from 'node:fs/promises';
import { directBlockBytes, wholeBlocks } from './direct-io.js';
import { readAll } from './file-bytes.js';
import type { TableEntry } from './pack-footer.js';
import { intactRecordIn, recordBytesMax, recordHeaderBytes, recordMagic } from './pack-record.js';

const windowBytes = 2 * recordBytesMax;

/** A record that was found. */
export interface FoundRecord extends TableEntry {
  /** The header, as a view that holds until the next one is asked for. */
  readonly header: Uint8Array;
  /** Bytes before this record that are none and no padding, since the last one. */
  readonly skippedBytes: number;
}

/** The records of `file` that lie between `from`, where one should begin, and `to`. */
export async function* scanRecords(file: FileHandle, from: number, to: number): AsyncGenerator<FoundRecord> {
  const window = new Window(file, to);
  let end = from; // of the last record, and the padding behind it
  for (let at = from; at + recordHeaderBytes <= to; ) {
    const bytes = await window.at(at);
    if (bytes.length < recordHeaderBytes) return;
    const fields = intactRecordIn(bytes);
    if (fields === undefined) {
      const padding = at === end ? paddingIn(bytes, at) : 0;
      at += padding || distanceToNext(bytes);
      end += padding;
      continue;
    }
    const header = bytes.subarray(0, recordHeaderBytes);
    yield { offset: at, ...fields, header, skippedBytes: at - end };
    at += recordHeaderBytes + fields.encodedLength;
    end = at;
  }
}

/** Zeros before what was written directly: up to a block, and in that; 0 if there are more than that. */
function paddingIn(bytes: Uint8Array, at: number): number {
  const paddingMax = wholeBlocks(at) - at + directBlockBytes - 1;
  let padding = 0;
  while (bytes[padding] === 0 && padding <= paddingMax) padding += 1;
  return padding > paddingMax ? 0 : padding;
}

/** How many bytes after the beginning of `bytes`, which is no record, one may begin. */
function distanceToNext(bytes: Buffer): number {
  const next = bytes.indexOf(recordMagic, 1);
  return next === -1 ? Math.max(1, bytes.length - recordMagic.length + 1) : next;
}

/** A part of a file in memory, read in large pieces. */
class Window {
  private readonly bytes = Buffer.allocUnsafe(windowBytes);
  private start = 0;
  private length = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly end: number,
  ) {}

  /** The bytes from `position` on: a whole record, or all up to the end. They hold until the next call. */
  async at(position: number): Promise<Buffer> {
    const wanted = Math.min(recordBytesMax, this.end - position);
    if (position < this.start || position + wanted > this.start + this.length) {
      const target = this.bytes.subarray(0, Math.min(windowBytes, this.end - position));
      this.length = await readAll(this.file, [target], position);
      this.start = position;
    }
    return this.bytes.subarray(position - this.start, this.length);
  }
}
