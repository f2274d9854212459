/**
 * Canonical CBOR, the subset the manifest uses: integers, byte strings, booleans, null and arrays. Text travels as
 * UTF-8 byte strings, because a decoder of text strings may replace or drop what it does not like.
 *
 * With minimal lengths enforced and without maps, floats, tags and indefinite lengths, every value has exactly one
 * encoding. Decoding is bounded: depth, and counts against the bytes that are there, before anything is allocated.
 */
import { type DecodeOptions, decode, Tokenizer } from 'cborg';
import { malformed } from './malformed.js';

export { type CanonicalWriter, encodeCanonical } from './canonical-writer.js';

/** Deepest nesting in any of our formats, with one to spare. */
const nestingMax = 5;
const allowedTypes: ReadonlySet<string> = new Set([
  'uint',
  'negint',
  'bytes',
  'array',
  'true',
  'false',
  'null',
]);
/** The tokenizer goes by them; nothing else of the decoder asks for them. */
const decodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: true,
} satisfies DecodeOptions;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws ShoalError MALFORMED unless `bytes` is the one encoding of a value, and at most `bytesMax` long */
export function decodeCanonical(bytes: Uint8Array, what: string, bytesMax: number): unknown {
  if (bytes.length > bytesMax) throw malformed(what, `it is longer than ${bytesMax} bytes`);
  try {
    return decode(bytes, { tokenizer: new BoundedTokenizer(bytes, decodeOptions) });
  } catch (cause) {
    throw malformed(what, 'it is not canonical CBOR', cause);
  }
}

/** Reads fields one after another, each checked. Every method throws ShoalError MALFORMED. */
export class FieldReader {
  readonly #fields: readonly unknown[];
  readonly #what: string;
  #next = 0;

  constructor(value: unknown, what: string) {
    if (!Array.isArray(value)) throw malformed(what, 'an array is missing');
    this.#fields = value;
    this.#what = what;
  }

  get remaining(): number {
    return this.#fields.length - this.#next;
  }

  /** A whole number from `min` to `max`, both safe integers. */
  integer(name: string, min: number, max: number): number {
    const value = this.#take();
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
      throw malformed(this.#what, `${name} is not a whole number from ${min} to ${max}`);
    }
    return value;
  }

  /** A whole number of 64 bits with sign. */
  integer64(name: string): bigint {
    const value = this.#take();
    if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
    if (typeof value !== 'bigint' || BigInt.asIntN(64, value) !== value) {
      throw malformed(this.#what, `${name} is not a whole number of 64 bits`);
    }
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#take();
    if (typeof value !== 'boolean') throw malformed(this.#what, `${name} is not true or false`);
    return value;
  }

  bytes(name: string, min: number, max: number): Uint8Array {
    const value = this.#take();
    if (!(value instanceof Uint8Array) || value.length < min || value.length > max) {
      throw malformed(this.#what, `${name} is not ${min === max ? min : `${min} to ${max}`} bytes`);
    }
    return value;
  }

  text(name: string, bytesMax: number): string {
    const bytes = this.bytes(name, 1, bytesMax);
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw malformed(this.#what, `${name} is not valid UTF-8`, cause);
    }
  }

  optionalText(name: string, bytesMax: number): string | undefined {
    if (this.#fields[this.#next] !== null) return this.text(name, bytesMax);
    this.#next++;
    return undefined;
  }

  /** A list whose items take `width` fields each. */
  list(name: string, width: number, bounds: { min: number; max: number }): FieldReader {
    const list = new FieldReader(this.#take(), this.#what);
    const count = list.remaining / width;
    if (!Number.isInteger(count) || count < bounds.min || count > bounds.max) {
      throw malformed(this.#what, `${name} has not ${bounds.min} to ${bounds.max} items`);
    }
    return list;
  }

  end(): void {
    if (this.remaining > 0) throw malformed(this.#what, 'it has too many fields');
  }

  #take(): unknown {
    if (this.remaining === 0) throw malformed(this.#what, 'a field is missing');
    return this.#fields[this.#next++];
  }
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** @throws TypeError if `bytes` are not valid UTF-8 */
export function decodeText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Lowercase hex, two characters a byte. */
export function bytesToHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += hexOfByte[byte];
  return hex;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Refuses types we do not use, arrays nested too deep, and counts that the remaining bytes cannot hold. */
class BoundedTokenizer extends Tokenizer {
  /** Items still to come in each open array, innermost last. */
  readonly #open: number[] = [];

  override next(): ReturnType<Tokenizer['next']> {
    while (this.#open.at(-1) === 0) this.#open.pop();
    const token = super.next();
    if (!allowedTypes.has(token.type.name)) throw new Error(`type ${token.type.name} is not used`);
    const innermost = this.#open.length - 1;
    if (innermost >= 0) this.#open[innermost] = (this.#open[innermost] ?? 0) - 1;
    if (token.type.name === 'array') {
      const count: unknown = token.value;
      if (typeof count !== 'number' || count > this.data.length - this.pos())
        throw new Error('an array is longer than the input');
      if (this.#open.length >= nestingMax) throw new Error('arrays are nested too deep');
      this.#open.push(count);
    }
    return token;
  }
}
