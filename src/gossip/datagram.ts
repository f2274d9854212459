/**
 * The datagrams of gossip, as plain bytes: `network/` seals them. A type byte, then a canonical CBOR array.
 *
 * Invariants: a datagram has exactly one encoding and at most `datagramBytesMax` bytes, sealed it fits into 1,200;
 * `decodeDatagram` throws nothing but MALFORMED. An answer is as long as its probe, so nothing is amplified.
 */
import assert from 'node:assert';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { ShoalError } from '../error.js';
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

/** @throws AssertionError if the datagram is out of its bounds: the caller's fault */
export function encodeDatagram(datagram: Datagram): Uint8Array {
  const body = datagram.type === 'heads' ? datagram.heads : datagram.nonce;
  assert.doesNotThrow(() => datagramOf(typeBytes[datagram.type], body), 'a datagram is out of its bounds');
  const encoded = encode([body], rfc8949EncodeOptions);
  const bytes = new Uint8Array(1 + encoded.length);
  bytes[0] = typeBytes[datagram.type];
  bytes.set(encoded, 1);
  assert(bytes.length <= datagramBytesMax, 'a datagram is too long');
  return bytes;
}

/** @throws ShoalError MALFORMED for anything that `encodeDatagram` could not have made */
export function decodeDatagram(bytes: Uint8Array): Datagram {
  // The bound comes first: it also bounds how deep the decoder can recurse.
  if (bytes.length > datagramBytesMax) throw malformed(`it is longer than ${datagramBytesMax} bytes`);
  const encoded = bytes.subarray(1);
  let fields: unknown;
  let again: Uint8Array;
  try {
    fields = decode(encoded, { strict: true, allowIndefinite: false, allowUndefined: false });
    again = encode(fields, rfc8949EncodeOptions);
  } catch (cause) {
    throw malformed('it is no canonical CBOR', cause);
  }
  if (again.length !== encoded.length || again.some((byte, index) => byte !== encoded[index]))
    throw malformed('its encoding is not canonical');
  if (!Array.isArray(fields) || fields.length !== 1) throw malformed('it must have one field');
  return datagramOf(bytes[0], fields[0]);
}

function datagramOf(typeByte: number | undefined, body: unknown): Datagram {
  switch (typeByte) {
    case typeBytes.heads:
      return { type: 'heads', heads: headsOf(body) };
    case typeBytes.probe:
      return { type: 'probe', nonce: nonceOf(body) };
    case typeBytes.answer:
      return { type: 'answer', nonce: nonceOf(body) };
    default:
      throw malformed('its type is unknown');
  }
}

function headsOf(value: unknown): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > headsPerDatagramMax)
    throw malformed('it holds no heads, or too many');
  for (const head of value) {
    if (!(head instanceof Uint8Array) || head.length < 1 || head.length > headBytesMax)
      throw malformed('a head is of a wrong length');
  }
  return value;
}

function nonceOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > nonceMax)
    throw malformed('its nonce is out of range');
  return value;
}

function malformed(why: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'MALFORMED',
    `A datagram from a peer is not valid: ${why}.`,
    cause === undefined ? {} : { cause },
  );
}
