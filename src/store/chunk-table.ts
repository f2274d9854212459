/**
 * What a record says of the chunks in it, where it holds several: a bundle (bundle.ts) or a run (run.ts).
 *
 * Table: count u32 | for each chunk: id 32, plain length u32. Numbers are little endian. Its hash is the id in the header of
 * the record.
 */
import { type ChunkId, chunkBytesMax, chunkIdBytes, chunkIdFromBytes, hashBytes } from '../chunking/index.js';

const countBytes = 4;
const memberBytes = chunkIdBytes + 4;
/** Most chunks in one record. */
export const groupChunksMax = 256;
/** Longest table. */
export const groupTableBytesMax = countBytes + groupChunksMax * memberBytes;

/** What a table says of a chunk. */
export interface Member {
  readonly id: ChunkId;
  readonly plainLength: number;
}

/** The chunks of a record that was read. Nothing in it is believed before it is hashed. */
export interface ChunkGroup {
  readonly members: readonly Member[];
  /** The plain bytes of the chunk `id`; undefined if it is not in it. A view. */
  chunk(id: ChunkId): Uint8Array | undefined;
}

/** Bytes of the table of `count` chunks. */
export function tableBytes(count: number): number {
  return countBytes + count * memberBytes;
}

/**
 * Writes a table to the front of `into`.
 * @param ids - 32 bytes for each chunk
 */
export function writeTable(ids: Uint8Array, lengths: readonly number[], into: Uint8Array): void {
  const view = new DataView(into.buffer, into.byteOffset, tableBytes(lengths.length));
  view.setUint32(0, lengths.length, true);
  for (const [index, length] of lengths.entries()) {
    const at = countBytes + index * memberBytes;
    into.set(ids.subarray(index * chunkIdBytes, (index + 1) * chunkIdBytes), at);
    view.setUint32(at + chunkIdBytes, length, true);
  }
}

/** The id of the record whose `body` begins with a table of `count` chunks. */
export function tableIdOf(body: Uint8Array, count: number): Uint8Array {
  return hashBytes(body.subarray(0, tableBytes(count)));
}

/** The chunks that the table at the front of `body` names; undefined if it is none. */
export function membersIn(body: Uint8Array): Member[] | undefined {
  if (body.length < countBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const count = view.getUint32(0, true);
  if (count === 0 || count > groupChunksMax || tableBytes(count) > body.length) return undefined;
  const members: Member[] = [];
  for (let at = countBytes; at < tableBytes(count); at += memberBytes) {
    const id = chunkIdFromBytes(body.subarray(at, at + chunkIdBytes));
    const plainLength = view.getUint32(at + chunkIdBytes, true);
    if (plainLength === 0 || plainLength > chunkBytesMax) return undefined;
    members.push({ id, plainLength });
  }
  return members;
}

/** Plain bytes of all `members`. */
export function plainBytesOf(members: readonly Member[]): number {
  return members.reduce((sum, { plainLength }) => sum + plainLength, 0);
}

/** @param plain - the bytes of all `members`, in order */
export function groupOf(members: readonly Member[], plain: Uint8Array): ChunkGroup {
  const chunks = new Map<ChunkId, Uint8Array>();
  let at = 0;
  for (const { id, plainLength } of members) {
    chunks.set(id, plain.subarray(at, at + plainLength));
    at += plainLength;
  }
  return { members, chunk: (id) => chunks.get(id) };
}

/**
 * What each chunk takes of its record, by its part of the plain bytes; together they take all of it.
 * @param recordBytes - of the record, its header included
 */
export function sharesOf(lengths: readonly number[], recordBytes: number): number[] {
  let plainBytes = 0;
  for (const length of lengths) plainBytes += length;
  const shares: number[] = [];
  let end = 0;
  let taken = 0;
  for (const length of lengths) {
    end += length;
    const share = Math.round((recordBytes * end) / plainBytes) - taken;
    taken += share;
    shares.push(share);
  }
  return shares;
}
