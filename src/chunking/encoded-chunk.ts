/**
 * Encoded chunks: the form in which a chunk travels, and in which one is kept by itself. Either its plain bytes (`raw`), or
 * one zstd frame (frame.ts). Decoding trusts nothing; whether the bytes are those of a chunk id is for the caller to check.
 */
import assert from 'node:assert';
import { ShoalError } from '../error.js';
import { chunkBytesMax } from './chunk-size.js';
import { decompressFrame, FrameMaker, seemsCompressible } from './frame.js';

export type Codec = 'raw' | 'zstd';

export interface EncodedChunk {
  readonly codec: Codec;
  /** Bytes of the chunk when decoded: 1 to `chunkBytesMax`. */
  readonly plainLength: number;
  readonly bytes: Uint8Array;
}

const frames = new FrameMaker(3);

/**
 * The chunk in its smaller form.
 * @param plain - 1 to `chunkBytesMax` bytes; borrowed, not kept: the result has bytes of its own
 */
export function encodeChunk(plain: Uint8Array): EncodedChunk {
  assert(plain.length >= 1 && plain.length <= chunkBytesMax, 'A chunk has 1 to chunkBytesMax bytes.');
  const frame = seemsCompressible(plain) ? frames.compress(plain) : undefined;
  if (frame !== undefined) return { codec: 'zstd', plainLength: plain.length, bytes: frame.slice() };
  return { codec: 'raw', plainLength: plain.length, bytes: new Uint8Array(plain) };
}

/**
 * The plain bytes of `encoded`, which may come from a peer or a damaged disk.
 * @returns `plainLength` bytes, newly allocated
 * @throws ShoalError MALFORMED if `encoded` is anything but what its codec makes of `plainLength` bytes
 */
export function decodeChunk(encoded: EncodedChunk): Uint8Array {
  const { codec, plainLength, bytes } = encoded;
  if (!Number.isInteger(plainLength) || plainLength < 1 || plainLength > chunkBytesMax) {
    throw malformed(encoded, `it must have 1 to ${chunkBytesMax} bytes when decoded`);
  }
  switch (codec) {
    case 'raw':
      if (bytes.length !== plainLength) throw malformed(encoded, 'raw bytes must be as many as declared');
      return new Uint8Array(bytes);
    case 'zstd': {
      const content = decompressFrame(bytes, plainLength);
      if ('plain' in content) return content.plain;
      throw malformed(encoded, content.why, content.cause);
    }
    default:
      throw malformed(encoded, 'its codec is unknown');
  }
}

function malformed({ codec, plainLength, bytes }: EncodedChunk, why: string, cause?: unknown): ShoalError {
  return new ShoalError('MALFORMED', `An encoded chunk was rejected: ${why}.`, {
    data: { codec, plainLength, encodedLength: bytes.length },
    cause,
  });
}
