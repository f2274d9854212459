/**
 * The seal around every value in the database: a version and a checksum that covers the key as well, because LevelDB
 * serves a flipped bit, or one key's value under another, without an error.
 *
 * Layout: version (1 byte, 1) | CRC-32 of key, version, body (4 bytes, little endian) | body.
 * CRC-32 finds accidents, not attacks: what comes from a peer is checked against hashes and signatures before it
 * gets here.
 */
import { crc32 } from 'node:zlib';
import type { Operation } from './database.js';

const sealVersion = 1;
const versionBytes = Uint8Array.of(sealVersion);
/** Bytes that a seal adds to a body. */
export const sealBytes = 5;

/** A sealed value whose body is the concatenation of `parts`, which are copied. */
export function sealValue(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, sealBytes);
  const sealed = Buffer.allocUnsafe(length);
  let at = sealBytes;
  for (const part of parts) {
    sealed.set(part, at);
    at += part.length;
  }
  sealInPlace(key, sealed);
  return sealed;
}

/**
 * Makes one operation after another that puts a sealed value, all in the same memory: each is good until the next one is made.
 * For those who write tens of thousands of small values together.
 */
export class Sealer {
  /** Key, version, body: what the checksum covers. */
  private covered = Buffer.alloc(0);
  /** Version, checksum, body. */
  private sealed = Buffer.alloc(0);
  /** Of the last operation: most are as long as the one before. */
  private key = this.covered;
  private whole = this.covered;
  private value = this.sealed;

  /** @param keyBytesMax - of the longest key */
  constructor(private readonly keyBytesMax: number) {}

  /** @param writeKey - writes the key to the front of what it is given, and returns its length */
  put(writeKey: (into: Buffer) => number, body: Uint8Array): Operation {
    this.reserve(body.length);
    const bodyAt = writeKey(this.covered) + 1;
    this.key = front(this.covered, bodyAt - 1, this.key);
    this.whole = front(this.covered, bodyAt + body.length, this.whole);
    this.value = front(this.sealed, sealBytes + body.length, this.value);
    this.covered[bodyAt - 1] = sealVersion;
    this.covered.set(body, bodyAt);
    this.sealed[0] = sealVersion;
    this.sealed.writeUInt32LE(crc32(this.whole), 1);
    this.sealed.set(body, sealBytes);
    return { type: 'put', key: this.key, value: this.value };
  }

  private reserve(bodyBytes: number): void {
    const bytes = this.keyBytesMax + sealBytes + bodyBytes;
    if (bytes <= this.covered.length) return;
    this.covered = Buffer.alloc(bytes);
    this.sealed = Buffer.alloc(bytes);
    [this.key, this.whole, this.value] = [this.covered, this.covered, this.sealed];
  }
}

type Memory = Buffer<ArrayBuffer>;

/** @param last - a view that may serve again */
function front(memory: Memory, length: number, last: Memory): Memory {
  return last.length === length ? last : memory.subarray(0, length);
}

/**
 * Seals a value where its body is.
 * @param sealed - a body, after `sealBytes` that become the seal
 */
export function sealInPlace(key: Uint8Array, sealed: Uint8Array): void {
  sealed[0] = sealVersion;
  new DataView(sealed.buffer, sealed.byteOffset).setUint32(1, checksum(key, sealed), true);
}

/** The body of `sealed`, as a view of it; undefined if it is not what `sealValue` made for this `key`. */
export function unsealValue(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < sealBytes || sealed[0] !== sealVersion) return undefined;
  const stated = new DataView(sealed.buffer, sealed.byteOffset, sealed.length).getUint32(1, true);
  return stated === checksum(key, sealed) ? sealed.subarray(sealBytes) : undefined;
}

/** @param sealed - of version `sealVersion` */
function checksum(key: Uint8Array, sealed: Uint8Array): number {
  return crc32(sealed.subarray(sealBytes), crc32(versionBytes, crc32(key)));
}
