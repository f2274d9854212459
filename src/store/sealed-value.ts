/**
 * The seal around every value in the database: a version and a checksum that covers the key as well, because LevelDB
 * serves a flipped bit, or one key's value under another, without an error.
 *
 * Layout: version (1 byte, 1) | CRC-32 of key, version, body (4 bytes, little endian) | body.
 * CRC-32 finds accidents, not attacks: what comes from a peer is checked against hashes and signatures before it
 * gets here.
 */
import { crc32 } from 'node:zlib';

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
