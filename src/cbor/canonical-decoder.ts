/**
 * Decodes canonical CBOR: integers, byte strings, text strings, booleans, null and arrays. With minimal lengths enforced
 * and without maps, floats, tags and indefinite lengths, every value has exactly one encoding.
 *
 * Decoding is bounded: depth, and counts against the bytes that are there, before anything is allocated.
 */
import { type DecodeOptions, decode, Tokenizer } from 'cborg';
import { malformed } from './malformed.js';

/** Deepest nesting in any of our formats, with one to spare. */
const nestingMax = 5;
const allowedTypes: ReadonlySet<string> = new Set([
  'uint',
  'negint',
  'bytes',
  'string',
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
  retainStringBytes: true,
} satisfies DecodeOptions;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param bytes - if they are a Buffer, the byte strings in the result are views of it; else they are copies
 * @throws ShoalError MALFORMED unless `bytes` is the one encoding of a value, and at most `bytesMax` long
 */
export function decodeCanonical(bytes: Uint8Array, what: string, bytesMax: number): unknown {
  if (bytes.length > bytesMax) throw malformed(what, `it is longer than ${bytesMax} bytes`);
  try {
    return decode(bytes, { tokenizer: new BoundedTokenizer(bytes, decodeOptions) });
  } catch (cause) {
    throw malformed(what, 'it is not canonical CBOR', cause);
  }
}

/** Refuses types we do not use, arrays nested too deep, counts that the remaining bytes cannot hold, and what is no UTF-8. */
class BoundedTokenizer extends Tokenizer {
  /** Items still to come in each open array, innermost last. */
  readonly #open: number[] = [];

  override next(): ReturnType<Tokenizer['next']> {
    while (this.#open.at(-1) === 0) this.#open.pop();
    const token = super.next();
    const kind = token.type.name;
    if (!allowedTypes.has(kind)) throw new Error(`type ${kind} is not used`);
    const innermost = this.#open.length - 1;
    if (innermost >= 0) this.#open[innermost] = (this.#open[innermost] ?? 0) - 1;
    if (kind === 'array') {
      const count: unknown = token.value;
      if (typeof count !== 'number' || count > this.data.length - this.pos())
        throw new Error('an array is longer than the input');
      if (this.#open.length >= nestingMax) throw new Error('arrays are nested too deep');
      this.#open.push(count);
    } else if (kind === 'string') {
      // cborg has replaced what is no UTF-8, and dropped a byte order mark. Of an empty text it retains no bytes.
      if (token.byteValue !== undefined) token.value = utf8.decode(token.byteValue);
    }
    return token;
  }
}
