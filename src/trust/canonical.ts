/**
 * Canonical CBOR (RFC 8949, section 4.2) for signed records: an array of fields, decoded strictly, and accepted
 * only when encoding it again gives the same bytes, so that a record has one form.
 */
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { ShoalError } from '../error.js';

export type Field = number | string | Uint8Array;

export function encodeFields(fields: readonly (Field | readonly Field[])[]): Uint8Array {
  // cborg gives a Buffer, which compares and prints differently.
  return Uint8Array.from(encode(fields, rfc8949EncodeOptions));
}

/**
 * @param bytesMax - longer input is rejected before it is decoded
 * @throws ShoalError MALFORMED
 */
export function decodeFields(
  bytes: Uint8Array,
  what: string,
  bounds: { bytesMax: number; count: number },
): unknown[] {
  if (bytes.length > bounds.bytesMax) throw malformed(what, `it is longer than ${bounds.bytesMax} bytes`);
  let fields: unknown;
  try {
    fields = decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowNaN: false,
      allowInfinity: false,
    });
  } catch (cause) {
    throw malformed(what, 'it is no canonical CBOR', cause);
  }
  if (!Array.isArray(fields) || fields.length !== bounds.count)
    throw malformed(what, `it must have ${bounds.count} fields`);
  const again = encode(fields, rfc8949EncodeOptions);
  if (Buffer.compare(again, bytes) !== 0) throw malformed(what, 'its encoding is not canonical');
  return fields;
}

/** @throws ShoalError MALFORMED unless a whole number from 0 to 2^53 - 1 */
export function numberField(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw malformed(what, 'a number is out of range');
  return value;
}

/** @throws ShoalError MALFORMED unless a string of at most `lengthMax` UTF-16 units */
export function textField(value: unknown, what: string, lengthMax: number): string {
  if (typeof value !== 'string' || value.length > lengthMax)
    throw malformed(what, 'a text is missing or too long');
  return value;
}

/** @throws ShoalError MALFORMED unless `length` bytes */
export function bytesField(value: unknown, what: string, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length)
    throw malformed(what, `a field must be ${length} bytes`);
  return value;
}

export function malformed(what: string, why: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'MALFORMED',
    `This ${what} is not valid: ${why}.`,
    cause === undefined ? {} : { cause },
  );
}
