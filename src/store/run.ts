/**
 * Runs: chunks that were taken in one after another and do not shrink, as they are. A table before all of them, in the
 * place of a header before each, leaves the bytes of a file in a row, as they were read: nothing is copied on their way to
 * the disk. A chunk of a run is read by itself.
 *
 * Body of the record: table (chunk-table.ts) | the bytes of the chunks, in order.
 */
import {
  type ChunkGroup,
  groupOf,
  groupTableBytesMax,
  membersIn,
  plainBytesOf,
  tableBytes,
} from './chunk-table.js';

/** Most plain bytes in one. A part of the format: as much as is read at a time today. */
export const runBytesMax = 4 * 1024 * 1024;

/** Longest body of a record. */
export const runBodyBytesMax = groupTableBytesMax + runBytesMax;

/** The run in `body`; undefined if it is none. */
export function decodeRun(body: Uint8Array): ChunkGroup | undefined {
  const members = membersIn(body);
  if (members === undefined) return undefined;
  const plain = body.subarray(tableBytes(members.length));
  return plain.length === plainBytesOf(members) ? groupOf(members, plain) : undefined;
}

/**
 * Where the chunks of a run lie, in bytes from the beginning of its body.
 * @param lengths - of the chunks
 */
export function placesIn(lengths: readonly number[]): number[] {
  let next = tableBytes(lengths.length);
  return lengths.map((length) => {
    const place = next;
    next += length;
    return place;
  });
}
