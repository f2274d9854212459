/**
 * Direct writes: large parts of packs go to the disk past the system's page cache. What an ingest writes lies in that cache
 * as files already; a second copy would cost the processor as much as all hashing, and push out what others use.
 *
 * The system wants whole blocks for that: of the file, and of memory. So the memory of an ingest begins at a page, and
 * what is written begins and ends at a block in the pack. Bytes between records that belong to none are zeros: whoever reads
 * a pack from front to back passes over them.
 */
import { constants } from 'node:fs';
import { beginsAtPage } from '../chunking/index.js';
import { systemCode } from '../error.js';

/** A multiple of what file systems and disks take for a block, and of a page. */
export const directBlockBytes = 4096;
const zeros = Buffer.alloc(directBlockBytes);
/** Less than a job of small files leaves when it has shrunk; what is smaller still is worth no open file of its own, and is soon read again. */
export const directBytesMin = 256 * 1024;
/** 0 where the system has no direct writes. */
const { O_DIRECT = 0 } = constants as { O_DIRECT?: number };
export const directFlags = O_DIRECT === 0 ? undefined : constants.O_WRONLY | O_DIRECT;

/** `bytes` rounded up to whole blocks. */
export function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / directBlockBytes) * directBlockBytes;
}

/** Whole blocks of memory with records in them. */
export interface Blocks {
  readonly bytes: Uint8Array;
  /** Zeros before the records. */
  readonly before: number;
}

/**
 * The blocks in which `parts` lie.
 * @returns undefined if they do not lie in a row, or not all is zeros that is before and behind them in their blocks, or they
 * are not in a `SharedMemory`
 */
export function blocksOf(parts: readonly Uint8Array[]): Blocks | undefined {
  const [first] = parts;
  if (first === undefined || !beginsAtPage(first.buffer)) return undefined;
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return undefined;
    end += part.length;
  }
  const before = first.byteOffset % directBlockBytes;
  const start = first.byteOffset - before;
  const bytes = new Uint8Array(first.buffer, start, wholeBlocks(end) - start);
  const isPadded = isZeros(bytes.subarray(0, before)) && isZeros(bytes.subarray(end - start));
  return isPadded ? { bytes, before } : undefined;
}

/** @param bytes - less than a block */
function isZeros(bytes: Uint8Array): boolean {
  return zeros.subarray(0, bytes.length).equals(bytes);
}

/** Whether `error` says that this file, or its file system, takes no direct writes. */
export function isRefused(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EINVAL' || code === 'EOPNOTSUPP';
}
