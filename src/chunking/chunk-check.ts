/** The check that everything rests on: do these bytes make the chunk of this id? */
import { isShoalError } from '../error.js';
import type { ChunkId } from './chunk-id.js';
import { chunkBytesMax } from './chunk-size.js';
import { decodeChunk, type EncodedChunk } from './encoded-chunk.js';
import { chunkIdOf } from './hash.js';

/**
 * The plain bytes of the chunk `id`, out of `encoded`, which may come from anybody.
 * @returns undefined if `encoded` is anything but that chunk. Raw bytes are not copied: the result is then a view of `encoded`
 */
export function plainOfChunk(id: ChunkId, encoded: EncodedChunk): Uint8Array | undefined {
  const plain = encoded.codec === 'raw' ? rawPlain(encoded) : decodeOrUndefined(encoded);
  return plain !== undefined && chunkIdOf(plain) === id ? plain : undefined;
}

function rawPlain({ plainLength, bytes }: EncodedChunk): Uint8Array | undefined {
  return bytes.length === plainLength && bytes.length >= 1 && bytes.length <= chunkBytesMax
    ? bytes
    : undefined;
}

function decodeOrUndefined(encoded: EncodedChunk): Uint8Array | undefined {
  try {
    return decodeChunk(encoded);
  } catch (error) {
    if (isShoalError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}
