/** The fields of a decoded array, each checked as it is read. What they mean is for the rooms to know that read them. */
import { decodeCanonical } from './canonical-decoder.js';
import { malformed } from './malformed.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param bytes - from anybody; the byte strings that are read are copies
 * @param what - they should be, such as 'manifest entry': for the error
 * @throws ShoalError MALFORMED unless `bytes` is the one encoding of an array, and at most `bytesMax` long
 */
export function decodeFields(bytes: Uint8Array, what: string, bytesMax: number): FieldReader {
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  return new FieldReader(decodeCanonical(plain, what, bytesMax), what);
}

/** The same, but the byte strings that are read are views of `bytes`: in half the time where there are many. */
export function borrowFields(bytes: Uint8Array, what: string, bytesMax: number): FieldReader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return new FieldReader(decodeCanonical(buffer, what, bytesMax), what);
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

  /** A text that is encoded as the byte string of its UTF-8. */
  text(name: string, bytesMax: number): string {
    const bytes = this.bytes(name, 1, bytesMax);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw malformed(this.#what, `${name} is not valid UTF-8`, cause);
    }
  }

  /** A CBOR text string of at most `lengthMax` UTF-16 units. */
  textString(name: string, lengthMax: number): string {
    const value = this.#take();
    if (typeof value !== 'string' || value.length > lengthMax) {
      throw malformed(this.#what, `${name} is not a text of at most ${lengthMax} characters`);
    }
    return value;
  }

  /** What `read` reads, or undefined where the next field is null. */
  optional<T>(read: () => T): T | undefined {
    if (this.#fields[this.#next] !== null) return read();
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

  /** What `read` makes of each item of a list. */
  items<T>(name: string, bounds: { min: number; max: number }, read: (list: FieldReader) => T): T[] {
    const list = this.list(name, 1, bounds);
    const items: T[] = [];
    while (list.remaining > 0) items.push(read(list));
    return items;
  }

  end(): void {
    if (this.remaining > 0) throw malformed(this.#what, 'it has too many fields');
  }

  #take(): unknown {
    if (this.remaining === 0) throw malformed(this.#what, 'a field is missing');
    return this.#fields[this.#next++];
  }
}
