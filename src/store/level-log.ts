/**
 * The form of LevelDB's logs, which is also that of its MANIFEST: blocks of 32 KiB, of parts of records. A part:
 * masked CRC-32C of type and bytes (4) | length (2, little endian) | type (1) | bytes. What is left of a block may be too
 * short for a part. Source: doc/log_format.md and db/log_reader.cc of LevelDB 1.20.
 */
import { isMaskedCrc32c } from './crc32c.js';

export const logBlockBytes = 32 * 1024;
const headerBytes = 7;
const typeAt = 6;

/** What a part is of its record. Others are damage, or the zeros of a file that was made longer. */
export const partTypes = { whole: 1, first: 2, middle: 3, last: 4 } as const;

export interface LogPart {
  /** Where its header begins in the block. */
  readonly at: number;
  readonly type: number;
  readonly bytes: Buffer;
}

/** The parts of one block, unchecked. Ends at the first that cannot be: there LevelDB leaves the block, too. */
export function* partsIn(block: Buffer): Generator<LogPart> {
  for (let at = 0; at + headerBytes <= block.length; ) {
    const [length, type] = [block.readUInt16LE(at + 4), block.readUInt8(at + typeAt)];
    const end = at + headerBytes + length;
    if (end > block.length || (type === 0 && length === 0)) return;
    yield { at, type, bytes: block.subarray(at + headerBytes, end) };
    at = end;
  }
}

/** Whether the checksum of a part of `block` is right. LevelDB drops the rest of a block where it is not. */
export function isPartIntact(block: Buffer, { at, bytes }: LogPart): boolean {
  return isMaskedCrc32c(block.subarray(at + typeAt, at + headerBytes + bytes.length), block.readUInt32LE(at));
}
