/**
 * The datagrams of gossip, as plain bytes: `network/` seals them. A type byte, then a canonical CBOR array.
 *
 * Invariants: a datagram has exactly one encoding and at most `datagramBytesMax` bytes, sealed it fits into 1,200;
 * `decodeDatagram` throws nothing but MALFORMED. An answer is as long as its probe, so nothing is amplified.
 */
import assert from 'node:assert';
import { decodeFields, encodeFields, FieldReader, malformed } from '../cbor/index.js';
import { headBytesMax } from '../trust/index.js';

export const datagramBytesMax = 1100;
/** Heads of the greatest length still fit. */
export const headsPerDatagramMax = 4;
export const nonceMax = 2 ** 32 - 1;

export type Datagram =
  /** Encoded signed heads: 1 to `headsPerDatagramMax`. */
  | { readonly type: 'heads'; readonly heads: readonly Uint8Array[] }
  /** "Are you there?" */
  | { readonly type: 'probe'; readonly nonce: number }
  | { readonly type: 'answer'; readonly nonce: number };

const typeBytes = { heads: 1, probe: 2, answer: 3 } as const;

const what = 'datagram from a peer';

/** @throws AssertionError if the datagram is out of its bounds: the caller's fault */
export function encodeDatagram(datagram: Datagram): Uint8Array {
  const fields = [datagram.type === 'heads' ? datagram.heads : datagram.nonce];
  const typeByte = typeBytes[datagram.type];
  assert.doesNotThrow(
    () => readDatagram(typeByte, new FieldReader(fields, what)),
    'a datagram is out of its bounds',
  );
  const encoded = encodeFields(fields);
  const bytes = new Uint8Array(1 + encoded.length);
  bytes[0] = typeByte;
  bytes.set(encoded, 1);
  assert(bytes.length <= datagramBytesMax, 'a datagram is too long');
  return bytes;
}

/** @throws ShoalError MALFORMED for anything that `encodeDatagram` could not have made */
export function decodeDatagram(bytes: Uint8Array): Datagram {
  const fields = decodeFields(bytes.subarray(1), what, datagramBytesMax - 1);
  const datagram = readDatagram(bytes[0], fields);
  fields.end();
  return datagram;
}

function readDatagram(typeByte: number | undefined, fields: FieldReader): Datagram {
  switch (typeByte) {
    case typeBytes.heads:
      return { type: 'heads', heads: readHeads(fields) };
    case typeBytes.probe:
      return { type: 'probe', nonce: readNonce(fields) };
    case typeBytes.answer:
      return { type: 'answer', nonce: readNonce(fields) };
    default:
      throw malformed(what, 'its type is unknown');
  }
}

function readHeads(fields: FieldReader): readonly Uint8Array[] {
  const bounds = { min: 1, max: headsPerDatagramMax };
  return fields.items('the heads', bounds, (list) => list.bytes('a head', 1, headBytesMax));
}

function readNonce(fields: FieldReader): number {
  return fields.integer('the nonce', 0, nonceMax);
}
