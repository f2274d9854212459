/**
 * Bundles: chunks that were taken in one after another, compressed together. Small files share most of what they are made
 * of with their neighbours: a source tree takes a tenth less so than chunk by chunk, in a quarter of the time.
 *
 * Body of the record: table (chunk-table.ts) | one zstd frame of the bytes of all chunks, in order.
 */
import { decompressFrame, FrameMaker, frameContentBytesMax, frameRoomBytes } from '../chunking/index.js';
import {
  type ChunkGroup,
  groupOf,
  groupTableBytesMax,
  membersIn,
  plainBytesOf,
  tableBytes,
  writeTable,
} from './chunk-table.js';

/** Most plain bytes in one: what has to be decoded for any chunk of it. */
export const bundleBytesMax = frameContentBytesMax;

/** Longest body of a record. */
export const bundleBodyBytesMax = groupTableBytesMax + bundleBytesMax;

/**
 * Level 1 of zstd: chunks of Debian's linux-source-6.1 in bundles take 225 MiB and 2.6 processor seconds so, 212 and 3.6 at level 3,
 * and each by itself 259 and 4.4 at level 3. Where the shortest match is 7 bytes and not 6, level 1 takes 7 % less time for 1 to 2 % more.
 */
const frames = new FrameMaker(1, 7);

/**
 * Makes the body of a bundle.
 * @param ids - 32 bytes for each chunk, `groupChunksMax` of them at most
 * @param lengths - of the chunks
 * @param plain - all their bytes, `bundleBytesMax` at most
 * @param into - as long as table and `plain`, which it may overlap; its front holds the body afterwards
 * @returns the length of the body; undefined if it would save too little: then nothing of `plain` is written over
 */
export function encodeBundle(
  ids: Uint8Array,
  lengths: readonly number[],
  plain: Uint8Array,
  into: Uint8Array,
): number | undefined {
  const table = tableBytes(lengths.length);
  const room = frameRoomBefore(plain, into.subarray(table));
  const frame = frames.compress(plain, room);
  if (frame === undefined || table + frame.length >= plain.length) return undefined;
  writeTable(ids, lengths, into);
  if (room === undefined) into.set(frame, table);
  return table + frame.length;
}

/** The front of `into`, if there is room for the frame of `plain` before that begins: then it need not be copied there. */
function frameRoomBefore(plain: Uint8Array, into: Uint8Array): Uint8Array | undefined {
  const bytes = frameRoomBytes(plain.length);
  const isApart = into.buffer === plain.buffer && into.byteOffset + bytes <= plain.byteOffset;
  return isApart ? into.subarray(0, bytes) : undefined;
}

/**
 * The bundle in `body`; undefined if it is none.
 * @param into - where its chunks are decoded to, `bundleBytesMax` long
 */
export function decodeBundle(body: Uint8Array, into?: Uint8Array): ChunkGroup | undefined {
  const members = membersIn(body);
  if (members === undefined) return undefined;
  const plainLength = plainBytesOf(members);
  if (plainLength > bundleBytesMax) return undefined;
  const content = decompressFrame(body.subarray(tableBytes(members.length)), plainLength, into);
  return 'plain' in content ? groupOf(members, content.plain) : undefined;
}
