/**
 * Messages to bytes and back: a type byte, then a canonical CBOR array of fields; `chunk` is packed by hand.
 *
 * Invariants: a message has exactly one encoding; `decodeMessage` throws nothing but MALFORMED, whatever the
 * bytes; every count and length is bounded before anything is built from it; we send nothing we would refuse.
 */
import assert from 'node:assert';
import { decodeFields, encodeFields, FieldReader, malformed } from '../cbor/index.js';
import { decodeChunkFrame, encodeChunkFrame } from './chunk-frame.js';
import { type Frame, frameBytesMax, type Message, messageName } from './message.js';
import { bodies, chunkTypeByte, type MessageBody } from './message-body.js';

const bodyOfTypeByte: ReadonlyMap<number, MessageBody> = new Map(
  Object.values(bodies).map((body) => [body.typeByte, body]),
);

/**
 * @returns a new frame of at most `frameBytesMax` bytes
 * @throws AssertionError if a field is out of its bounds: the caller's fault
 */
export function encodeMessage(message: Message): Frame {
  if (message.type === 'chunk') return encodeChunkFrame(chunkTypeByte, message.id, message.chunk);
  const body: MessageBody = bodies[message.type];
  const fields = body.toFields(message);
  assert.doesNotThrow(
    () => body.fromFields(new FieldReader(fields, messageName)),
    `a ${message.type} message is out of its bounds`,
  );
  const encoded = encodeFields(fields);
  const frame = new Uint8Array(1 + encoded.length);
  assert(frame.length <= frameBytesMax, `a ${message.type} message is too long`);
  frame[0] = body.typeByte;
  frame.set(encoded, 1);
  return frame;
}

/**
 * @param frame - borrowed by the result only if it is a `chunk`
 * @throws ShoalError MALFORMED for anything that `encodeMessage` could not have made
 */
export function decodeMessage(frame: Frame): Message {
  if (frame.length > frameBytesMax) throw malformed(messageName, `it is longer than ${frameBytesMax} bytes`);
  const typeByte = frame[0];
  if (typeByte === undefined) throw malformed(messageName, 'it is empty');
  if (typeByte === chunkTypeByte) return { type: 'chunk', ...decodeChunkFrame(frame) };
  const body = bodyOfTypeByte.get(typeByte);
  if (body === undefined) throw malformed(messageName, `its type ${typeByte} is unknown`);
  const fields = decodeFields(frame.subarray(1), messageName, frameBytesMax);
  const message = body.fromFields(fields);
  fields.end();
  return message;
}
