/**
 * The seal around every value in the database: a version and a checksum that covers the key as well, because LevelDB
 * serves a flipped bit, or one key's value under another, without an error.
 *
 * Layout: version (1 byte, 1) | CRC-32 of key, version, body (4 bytes, little endian) | body.
 * CRC-32 finds accidents, not attacks: what comes from a peer is checked against hashes and signatures before it
 * gets here.
 */
import assert from 'node:assert/strict';
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
 * For those who write tens of thousands of small values together. To be kept, and not made for each write: V8 throws away what
 * it compiled for a class when a collection finds no object of it.
 */
export class Sealer {
  /** Key, version, body: what the checksum covers. */
  private readonly covered: Fronts;
  /** Version, checksum, body. */
  private readonly sealed: Fronts;

  /**
   * @param keyBytesMax - of the longest key
   * @param bodyBytesMax - of the longest body
   */
  constructor(
    keyBytesMax: number,
    readonly bodyBytesMax: number,
  ) {
    this.covered = new Fronts(keyBytesMax + 1 + bodyBytesMax);
    this.sealed = new Fronts(sealBytes + bodyBytesMax);
  }

  /** The key of the next value is to be written to its front, and the one of the last value lies there until then. */
  get keyRoom(): Buffer {
    return this.covered.memory;
  }

  /**
   * @param keyBytes - length of the key in `keyRoom`
   * @param bodies - the body is a part of them, from `start` to `end`
   */
  put(keyBytes: number, bodies: Uint8Array, start = 0, end = bodies.length): Operation {
    const bodyBytes = end - start;
    assert(bodyBytes <= this.bodyBytesMax, 'a sealer has no room for a longer body');
    const covered = this.covered.memory;
    const sealed = this.sealed.memory;
    const bodyAt = keyBytes + 1;
    covered[keyBytes] = sealVersion;
    sealed[0] = sealVersion;
    // By hand: a view of so few bytes costs more than they do.
    for (let at = 0; at < bodyBytes; at++) {
      const byte = bodies[start + at] as number;
      covered[bodyAt + at] = byte;
      sealed[sealBytes + at] = byte;
    }
    sealed.writeUInt32LE(crc32(this.covered.of(bodyAt + bodyBytes)), 1);
    return { type: 'put', key: this.covered.of(keyBytes), value: this.sealed.of(sealBytes + bodyBytes) };
  }
}

/** A piece of memory with views of its front, each made once: few lengths are asked for, and often. */
class Fronts {
  readonly memory: Buffer;
  private readonly views = new Map<number, Buffer>();

  constructor(bytes: number) {
    this.memory = Buffer.alloc(bytes);
  }

  of(length: number): Buffer {
    let view = this.views.get(length);
    if (view === undefined) {
      view = this.memory.subarray(0, length);
      this.views.set(length, view);
    }
    return view;
  }
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
