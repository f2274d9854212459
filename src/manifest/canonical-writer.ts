/**
 * Writes canonical CBOR: of each value the one encoding that `decodeCanonical` accepts. An entry is some thirty tokens, and
 * each of them is written where it will stand; nothing is made of it before. @see RFC 8949, 3 and 4.2.1
 */
import assert from 'node:assert/strict';

/** A string is written as the byte string of its UTF-8. */
export type Canonical = number | bigint | boolean | null | string | Uint8Array | readonly Canonical[];

const major = { unsigned: 0, negative: 1, bytes: 2, array: 4 } as const;
const falseByte = 0xf4;
const trueByte = 0xf5;
const nullByte = 0xf6;
/** Of an integer, or before the content of what has a length. */
const headBytesMax = 9;
/** Most UTF-8 bytes of a UTF-16 code unit. */
const unitBytesMax = 3;
const initialBytes = 64 * 1024;

const encoder = new TextEncoder();
/** Holds the value being written; used again, grown to the largest. */
let memory = new Uint8Array(initialBytes);
let view = new DataView(memory.buffer);
let used = 0;

/** @throws AssertionError if a number is not a safe integer, or a bigint not of 64 bits */
export function encodeCanonical(value: Canonical): Uint8Array {
  used = 0;
  write(value);
  return memory.slice(0, used);
}

function write(value: Canonical): void {
  if (typeof value === 'number') writeNumber(value);
  else if (typeof value === 'string') writeText(value);
  else if (typeof value === 'bigint') writeBigint(value);
  else if (value === null) writeByte(nullByte);
  else if (typeof value === 'boolean') writeByte(value ? trueByte : falseByte);
  else if (value instanceof Uint8Array) writeBytes(value);
  else writeArray(value);
}

function writeNumber(value: number): void {
  assert(Number.isSafeInteger(value), 'Only whole numbers have a canonical encoding.');
  if (value >= 0) writeHead(major.unsigned, value);
  else writeHead(major.negative, -1 - value);
}

function writeBigint(value: bigint): void {
  const number = Number(value);
  if (Number.isSafeInteger(number)) {
    writeNumber(number);
    return;
  }
  assert(BigInt.asIntN(64, value) === value, 'A bigint must be of 64 bits.');
  reserve(headBytesMax);
  memory[used] = headOf64(value < 0n ? major.negative : major.unsigned);
  view.setBigUint64(used + 1, value < 0n ? -1n - value : value);
  used += headBytesMax;
}

function writeText(text: string): void {
  reserve(headBytesMax + text.length * unitBytesMax);
  // Behind the head it would have if all of it were ASCII, which is mostly right.
  const head = headBytesOf(text.length);
  const { written } = encoder.encodeInto(text, memory.subarray(used + head));
  if (headBytesOf(written) !== head)
    memory.copyWithin(used + headBytesOf(written), used + head, used + head + written);
  writeHead(major.bytes, written);
  used += written;
}

function writeBytes(bytes: Uint8Array): void {
  reserve(headBytesMax + bytes.length);
  writeHead(major.bytes, bytes.length);
  memory.set(bytes, used);
  used += bytes.length;
}

function writeArray(items: readonly Canonical[]): void {
  writeHead(major.array, items.length);
  for (const item of items) write(item);
}

function writeByte(byte: number): void {
  reserve(1);
  memory[used++] = byte;
}

/** @param argument - a safe integer, not negative */
function writeHead(kind: number, argument: number): void {
  reserve(headBytesMax);
  const front = kind << 5;
  if (argument < 24) {
    memory[used++] = front | argument;
  } else if (argument < 2 ** 8) {
    memory[used] = front | 24;
    memory[used + 1] = argument;
    used += 2;
  } else if (argument < 2 ** 16) {
    memory[used] = front | 25;
    view.setUint16(used + 1, argument);
    used += 3;
  } else if (argument < 2 ** 32) {
    memory[used] = front | 26;
    view.setUint32(used + 1, argument);
    used += 5;
  } else {
    memory[used] = headOf64(kind);
    view.setUint32(used + 1, Math.floor(argument / 2 ** 32));
    view.setUint32(used + 5, argument % 2 ** 32);
    used += headBytesMax;
  }
}

/** The byte before an argument of 8 bytes. */
function headOf64(kind: number): number {
  return (kind << 5) | 27;
}

function headBytesOf(argument: number): number {
  if (argument < 24) return 1;
  if (argument < 2 ** 8) return 2;
  return argument < 2 ** 16 ? 3 : 5;
}

function reserve(bytes: number): void {
  if (used + bytes <= memory.length) return;
  const larger = new Uint8Array(2 * (used + bytes));
  larger.set(memory.subarray(0, used));
  memory = larger;
  view = new DataView(memory.buffer);
}
