/**
 * ChunkId: BLAKE3-256 of a chunk's plain bytes, as 64 lowercase hex characters, so that it works as a map key.
 * On disk and on the wire it is the 32 bytes.
 */
import { ShoalError } from '../error.js';

export type ChunkId = string & { readonly __brand: 'ChunkId' };

export const chunkIdBytes = 32;
/** Where `chunkIdFromBytes` writes: a `Buffer` of the caller's bytes would give them memory outside V8's heap. */
const digest = Buffer.alloc(chunkIdBytes);
const hexForm = /^[0-9a-f]{64}$/;

/** @throws ShoalError MALFORMED unless `text` is 64 lowercase hex characters */
export function parseChunkId(text: string): ChunkId {
  if (!hexForm.test(text))
    throw new ShoalError('MALFORMED', 'A chunk id must be 64 lowercase hex characters.');
  return text as ChunkId;
}

/** @throws ShoalError MALFORMED unless `bytes` is 32 bytes long */
export function chunkIdFromBytes(bytes: Uint8Array): ChunkId {
  if (bytes.length !== chunkIdBytes) {
    throw new ShoalError('MALFORMED', `A chunk id must be ${chunkIdBytes} bytes, not ${bytes.length}.`);
  }
  digest.set(bytes);
  return digest.toString('hex') as ChunkId;
}

/** Ids that lie one behind another, 32 bytes each. */
export function chunkIdsFromBytes(bytes: Uint8Array): ChunkId[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const ids: ChunkId[] = [];
  for (let at = 0; at < bytes.length; at += chunkIdBytes)
    ids.push(buffer.toString('hex', at, at + chunkIdBytes) as ChunkId);
  return ids;
}

/** The 32 bytes of `id`, newly allocated. By hand: so small an array needs no memory outside V8's heap unless it is asked for. */
export function chunkIdToBytes(id: ChunkId): Uint8Array {
  const bytes = new Uint8Array(chunkIdBytes);
  for (let at = 0; at < chunkIdBytes; at++)
    bytes[at] = (nibbleOf(id.charCodeAt(2 * at)) << 4) | nibbleOf(id.charCodeAt(2 * at + 1));
  return bytes;
}

/**
 * Four bytes of `id`, big-endian, as a u32: ids are hashes, so any of their words is as good as random. By hand, because it is
 * asked for several times a chunk, and a piece of text would have to be made for each.
 * @param index - 0 to 7
 */
export function chunkIdWord(id: ChunkId, index: number): number {
  let word = 0;
  for (let at = 8 * index; at < 8 * index + 8; at++) word = (word << 4) | nibbleOf(id.charCodeAt(at));
  return word >>> 0;
}

/** @param code - of a lowercase hex digit */
function nibbleOf(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57;
}
