/**
 * The one message that is not CBOR: a chunk, packed by hand so that decoding copies no payload.
 *
 *   offset 0  type      1 byte
 *          1  id        32 bytes
 *         33  codec     1 byte: 0 raw, 1 zstd
 *         34  length    u32, big-endian: bytes of the plain chunk
 *         38  payload   to the end of the frame
 */
import assert from 'node:assert';
import { malformed } from '../cbor/index.js';
import {
  type ChunkId,
  type Codec,
  chunkBytesMax,
  chunkIdBytes,
  chunkIdFromBytes,
  chunkIdToBytes,
  type EncodedChunk,
} from '../chunking/index.js';
import { messageName } from './message.js';

const idOffset = 1;
const codecOffset = idOffset + chunkIdBytes;
const lengthOffset = codecOffset + 1;
const payloadOffset = lengthOffset + 4;

/** The order is the number on the wire: only ever append. */
const codecs: readonly Codec[] = ['raw', 'zstd'];

/** @returns a new frame of 38 bytes and the payload, which is copied once */
export function encodeChunkFrame(type: number, id: ChunkId, chunk: EncodedChunk): Uint8Array {
  assert(isWellFormed(chunk), 'an encoded chunk is not shorter than its plain length allows');
  const frame = new Uint8Array(payloadOffset + chunk.bytes.length);
  frame[0] = type;
  frame.set(chunkIdToBytes(id), idOffset);
  frame[codecOffset] = codecs.indexOf(chunk.codec);
  new DataView(frame.buffer).setUint32(lengthOffset, chunk.plainLength);
  frame.set(chunk.bytes, payloadOffset);
  return frame;
}

/**
 * @param frame - its first byte is the type and is not looked at; borrowed by the result's `chunk.bytes`
 * @throws ShoalError MALFORMED
 */
export function decodeChunkFrame(frame: Uint8Array): { id: ChunkId; chunk: EncodedChunk } {
  if (frame.length <= payloadOffset) throw malformed(messageName, 'a chunk has no content');
  const codec = codecs[frame[codecOffset] ?? codecs.length];
  if (codec === undefined) throw malformed(messageName, 'the codec of a chunk is unknown');
  const plainLength = new DataView(frame.buffer, frame.byteOffset).getUint32(lengthOffset);
  const bytes = new Uint8Array(frame.buffer, frame.byteOffset + payloadOffset, frame.length - payloadOffset);
  const chunk: EncodedChunk = { codec, plainLength, bytes };
  if (!isWellFormed(chunk)) throw malformed(messageName, 'the length of a chunk is out of range');
  return { id: chunkIdFromBytes(frame.subarray(idOffset, codecOffset)), chunk };
}

/** A raw chunk is as long as it says; a compressed one is shorter, or it would have been sent raw. */
function isWellFormed(chunk: EncodedChunk): boolean {
  const { codec, plainLength, bytes } = chunk;
  if (!Number.isInteger(plainLength) || plainLength < 1 || plainLength > chunkBytesMax) return false;
  return codec === 'raw' ? bytes.length === plainLength : bytes.length > 0 && bytes.length < plainLength;
}
