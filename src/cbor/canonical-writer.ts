/**
 * Writes canonical CBOR: of each value the one encoding that `decodeCanonical` accepts. An entry is some thirty values, and
 * each of them is written where it will stand; nothing is made of it before. @see RFC 8949, 3 and 4.2.1
 */
import assert from 'node:assert/strict';

const major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4 } as const;
const falseByte = 0xf4;
const trueByte = 0xf5;
const nullByte = 0xf6;
/** Of an integer, or before the content of what has a length. */
const headBytesMax = 9;
/** Hex digits that native code, which takes 0.2 us to be called, does not write sooner. */
const byHandMax = 16;
/** Of the memory that encodings lie in one behind another, unless one is longer: some 400 entries. */
const memoryBytes = 64 * 1024;

/** @returns what `write` wrote: the caller's own, though its buffer has others beside it */
export function encodeCanonical(write: (to: CanonicalWriter) => void): Uint8Array {
  assert(!isWriting, 'One encoding must be finished before another begins.');
  isWriting = true;
  try {
    writer.begin();
    write(writer);
    return writer.take();
  } finally {
    isWriting = false;
  }
}

/** Takes the values of an encoding in their order. */
export class CanonicalWriter {
  private memory = Buffer.alloc(memoryBytes);
  private view = viewOf(this.memory);
  /** Where this encoding begins, and where it has come to. */
  private start = 0;
  private used = 0;

  begin(): void {
    this.start = this.used;
  }

  take(): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.memory.byteOffset + this.start, this.used - this.start);
  }

  /** The next `count` values are the items of an array. */
  array(count: number): void {
    this.head(major.array, count);
  }

  /** @throws AssertionError if `value` is not a safe integer */
  integer(value: number): void {
    assert(Number.isSafeInteger(value), 'Only whole numbers have a canonical encoding.');
    if (value >= 0) this.head(major.unsigned, value);
    else this.head(major.negative, -1 - value);
  }

  /** @throws AssertionError if `value` is not of 64 bits */
  integer64(value: bigint): void {
    const number = Number(value);
    if (Number.isSafeInteger(number)) {
      this.integer(number);
      return;
    }
    assert(BigInt.asIntN(64, value) === value, 'A bigint must be of 64 bits.');
    this.reserve(headBytesMax);
    this.memory[this.used] = headOf64(value < 0n ? major.negative : major.unsigned);
    this.view.setBigUint64(this.used + 1, value < 0n ? -1n - value : value);
    this.used += headBytesMax;
  }

  boolean(value: boolean): void {
    this.byte(value ? trueByte : falseByte);
  }

  bytes(bytes: Uint8Array): void {
    this.head(major.bytes, bytes.length);
    this.reserve(bytes.length);
    this.memory.set(bytes, this.used);
    this.used += bytes.length;
  }

  /** As the byte string of its UTF-8. */
  text(text: string): void {
    this.utf8(major.bytes, text);
  }

  /** As a CBOR text string. */
  textString(text: string): void {
    this.utf8(major.text, text);
  }

  null(): void {
    this.byte(nullByte);
  }

  /** @param hex - two digits for each byte of a byte string */
  hexBytes(hex: string): void {
    const length = hex.length / 2;
    this.head(major.bytes, length);
    this.reserve(length);
    const written =
      hex.length <= byHandMax ? this.writeHex(hex, length) : this.memory.write(hex, this.used, 'hex');
    assert(written === length, 'Bytes must be named by hex digits, two for each.');
    this.used += length;
  }

  /** @returns how many bytes `hex` names, before anything that is no hex digit */
  private writeHex(hex: string, length: number): number {
    for (let at = 0; at < length; at++) {
      const byte = (hexDigit(hex.charCodeAt(2 * at)) << 4) | hexDigit(hex.charCodeAt(2 * at + 1));
      if (byte < 0) return at;
      this.memory[this.used + at] = byte;
    }
    return length;
  }

  private utf8(kind: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.head(kind, length);
    this.reserve(length);
    this.used += this.memory.write(text, this.used);
  }

  private byte(byte: number): void {
    this.reserve(1);
    this.memory[this.used++] = byte;
  }

  /** @param argument - a safe integer, not negative */
  private head(kind: number, argument: number): void {
    this.reserve(headBytesMax);
    const { memory, view, used } = this;
    const front = kind << 5;
    if (argument < 24) {
      memory[used] = front | argument;
      this.used += 1;
    } else if (argument < 2 ** 8) {
      memory[used] = front | 24;
      memory[used + 1] = argument;
      this.used += 2;
    } else if (argument < 2 ** 16) {
      memory[used] = front | 25;
      view.setUint16(used + 1, argument);
      this.used += 3;
    } else if (argument < 2 ** 32) {
      memory[used] = front | 26;
      view.setUint32(used + 1, argument);
      this.used += 5;
    } else {
      memory[used] = headOf64(kind);
      view.setUint32(used + 1, Math.floor(argument / 2 ** 32));
      view.setUint32(used + 5, argument % 2 ** 32);
      this.used += headBytesMax;
    }
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.memory.length) return;
    const written = this.memory.subarray(this.start, this.used);
    this.memory = Buffer.alloc(Math.max(memoryBytes, 2 * (written.length + bytes)));
    this.view = viewOf(this.memory);
    this.memory.set(written);
    this.start = 0;
    this.used = written.length;
  }
}

const writer = new CanonicalWriter();
let isWriting = false;

/** @param code - of a character @returns a negative number if it is no hex digit */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** The byte before an argument of 8 bytes. */
function headOf64(kind: number): number {
  return (kind << 5) | 27;
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}
