/**
 * Canonical CBOR (RFC 8949, section 4.2) for messages: an array of fields, decoded strictly, and accepted only
 * when encoding it again gives the same bytes, so that a message has one form.
 *
 * Invariants: nothing is allocated beyond what the input's own length pays for; maps, tags, floats and
 * indefinite lengths are refused; nesting is bounded before the decoder recurses.
 */
import { decode, encode, rfc8949EncodeOptions, Tokenizer, Type } from 'cborg';
import { ShoalError } from '../error.js';

export type Field = number | string | Uint8Array | readonly Field[];

/** The outer array, one list, and one pair for each of the most addresses a message may carry. */
const arraysMax = 512;

const decodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
} as const;

/** Reads tokens, and bounds the arrays among them: an input of nested arrays must not exhaust the stack. */
class BoundedTokenizer extends Tokenizer {
  #arrays = 0;

  override next(): ReturnType<Tokenizer['next']> {
    const token = super.next();
    if (Type.equals(token.type, Type.array) && ++this.#arrays > arraysMax) throw malformed('it is too deep');
    if (Type.equals(token.type, Type.map)) throw malformed('it holds a map');
    return token;
  }
}

export function encodeFields(fields: readonly Field[]): Uint8Array {
  return encode(fields, rfc8949EncodeOptions);
}

/**
 * @param bytes - at most a frame; borrowed: every byte string in the result is a copy
 * @throws ShoalError MALFORMED unless `bytes` is the canonical form of an array of `count` fields
 */
export function decodeFields(bytes: Uint8Array, count: number): readonly unknown[] {
  // The tokenizer copies byte strings out of a plain Uint8Array, and would only view those of a Buffer.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  let fields: unknown;
  let again: Uint8Array;
  try {
    fields = decode(plain, { ...decodeOptions, tokenizer: new BoundedTokenizer(plain, decodeOptions) });
    again = encode(fields, rfc8949EncodeOptions);
  } catch (cause) {
    throw malformed('it is no canonical CBOR', cause);
  }
  if (!equalBytes(again, bytes)) throw malformed('its encoding is not canonical');
  if (!Array.isArray(fields) || fields.length !== count) throw malformed(`it must have ${count} fields`);
  return fields;
}

/** @throws ShoalError MALFORMED unless `value` is a whole number from 0 to `max` */
export function numberField(value: unknown, max: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
    throw malformed('a number is out of range');
  return value;
}

/** @throws ShoalError MALFORMED unless `value` is a text of at most `lengthMax` UTF-16 units */
export function textField(value: unknown, lengthMax: number): string {
  if (typeof value !== 'string' || value.length > lengthMax) throw malformed('a text is missing or too long');
  return value;
}

/** @throws ShoalError MALFORMED unless `value` is a byte string of a length between the two bounds, in bytes */
export function bytesField(value: unknown, bounds: { min: number; max: number }): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < bounds.min || value.length > bounds.max)
    throw malformed('a byte string is missing or of a wrong length');
  return value;
}

/** @throws ShoalError MALFORMED unless `value` is an array with a length between the two bounds */
export function listField(value: unknown, bounds: { min: number; max: number }): readonly unknown[] {
  if (!Array.isArray(value) || value.length < bounds.min || value.length > bounds.max)
    throw malformed('a list is missing or of a wrong length');
  return value;
}

export function malformed(why: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'MALFORMED',
    `A message from a peer is not valid: ${why}.`,
    cause === undefined ? {} : { cause },
  );
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
