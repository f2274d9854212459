/**
 * Device keys as TLS sees them: a self-signed Ed25519 certificate whose only content is the key. Nobody checks its
 * dates, names or signature: TLS proves that the peer holds the key, and the key is the device id.
 */
import assert from 'node:assert/strict';
import { type KeyObject, sign, type X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { type DeviceId, deviceIdFromBytes, type KeyPair } from '../trust/index.js';

/** What TLS needs of this device: TLS 1.3 with two ciphers, one key exchange and one signature, and nothing else. */
export function tlsIdentityOf(device: KeyPair): SecureContextOptions {
  return {
    key: device.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: certificateOf(device),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    ecdhCurve: 'X25519',
    sigalgs: 'ed25519',
  };
}

/** @returns undefined for a certificate of anything but an Ed25519 key */
export function deviceIdOf(certificate: X509Certificate): DeviceId | undefined {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return undefined; // a key that node:crypto cannot read is no Ed25519 key
  }
  if (key.asymmetricKeyType !== 'ed25519') return undefined;
  return deviceIdFromBytes(Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url'));
}

/** Tags of DER, the encoding of certificates (ITU-T X.690). */
const tag = {
  integer: 0x02,
  bitString: 0x03,
  objectId: 0x06,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  version: 0xa0,
  extensions: 0xa3,
} as const;
/** 1.3.101.112 */
const ed25519Id = Uint8Array.of(0x2b, 0x65, 0x70);
/** 2.5.4.3 */
const commonNameId = Uint8Array.of(0x55, 0x04, 0x03);
const version3 = Uint8Array.of(2);
const serialNumber = Uint8Array.of(1);
const noUnusedBits = Uint8Array.of(0);

/**
 * PEM. The same for a key wherever and whenever it is made.
 * @see RFC 5280, section 4.1, and RFC 8410
 */
function certificateOf({ publicKey, privateKey }: KeyPair): string {
  const algorithm = der(tag.sequence, der(tag.objectId, ed25519Id));
  const commonName = [der(tag.objectId, commonNameId), der(tag.printableString, Buffer.from('shoal'))];
  const name = der(tag.sequence, der(tag.set, der(tag.sequence, ...commonName)));
  const content = der(
    tag.sequence,
    der(tag.version, der(tag.integer, version3)),
    der(tag.integer, serialNumber),
    algorithm,
    name,
    der(
      tag.sequence,
      der(tag.utcTime, Buffer.from('000101000000Z')),
      der(tag.generalizedTime, Buffer.from('21000101000000Z')),
    ),
    name,
    der(tag.sequence, algorithm, der(tag.bitString, noUnusedBits, publicKey)),
    der(tag.extensions, der(tag.sequence)),
  );
  const signature = sign(null, content, privateKey);
  const certificate = der(tag.sequence, content, algorithm, der(tag.bitString, noUnusedBits, signature));
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

/** A value of DER, of 255 bytes at most. */
function der(tagByte: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  assert(content.length < 256, 'a certificate is short');
  const length = content.length < 128 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Uint8Array.of(tagByte, ...length), content]);
}
