/**
 * Direct writes: large parts of packs go to the disk past the system's page cache. What an ingest writes lies in that cache
 * as files already; a second copy would cost the processor as much as all hashing, and push out what others use.
 *
 * The system wants whole blocks for that: of the file, and of memory. So the memory of an ingest begins at a block, and
 * what is written begins and ends at one in the pack. Bytes between records that belong to none are zeros, or what was left
 * of others: whoever reads a pack from front to back passes over them.
 */
import { constants } from 'node:fs';
import { systemCode } from '../error.js';

/** A multiple of what file systems and disks take for a block, and of a page. */
export const directBlockBytes = 4096;
/** Smaller writes are worth no open file of their own, and are soon read again. */
export const directBytesMin = 1024 * 1024;
/** 0 where the system has no direct writes. */
const { O_DIRECT = 0 } = constants as { O_DIRECT?: number };
export const directFlags = O_DIRECT === 0 ? undefined : constants.O_WRONLY | O_DIRECT;

const wasmPageBytes = 64 * 1024;
/** Memory that begins at a block. */
const alignedMemories = new WeakSet<ArrayBufferLike>();

/** The part of the WebAssembly API that is used: Node has it, the types of its version do not. */
declare const WebAssembly: {
  Memory: new (limits: {
    initial: number;
    maximum: number;
    shared: true;
  }) => { readonly buffer: SharedArrayBuffer };
};

/** Whole blocks of memory that is shared between threads: what lies in a row from its beginning can be written directly. */
export function alignedMemory(bytes: number): Uint8Array {
  const pages = Math.ceil(bytes / wasmPageBytes);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  alignedMemories.add(buffer);
  return new Uint8Array(buffer);
}

/** `bytes` rounded up to whole blocks. */
export function wholeBlocks(bytes: number): number {
  return Math.ceil(bytes / directBlockBytes) * directBlockBytes;
}

/**
 * `parts` as one, up to a whole block.
 * @returns undefined if they do not lie in a row that begins at a block, in memory of `alignedMemory`
 */
export function blocksOf(parts: readonly Uint8Array[]): Uint8Array | undefined {
  const [first] = parts;
  if (first === undefined || !alignedMemories.has(first.buffer) || first.byteOffset % directBlockBytes !== 0)
    return undefined;
  let end = first.byteOffset;
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return undefined;
    end += part.length;
  }
  return new Uint8Array(first.buffer, first.byteOffset, wholeBlocks(end - first.byteOffset));
}

/** Whether `error` says that this file, or its file system, takes no direct writes. */
export function isRefused(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EINVAL' || code === 'EOPNOTSUPP';
}
