/**
 * Device keys as TLS sees them: a self-signed Ed25519 certificate whose only content is the key. Nobody checks its
 * dates, names or signature: TLS proves that the peer holds the key, and the key is the device id.
 */
import 'reflect-metadata'; // @peculiar/x509 needs it before itself
import { type KeyObject, webcrypto, type X509Certificate } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { X509CertificateGenerator } from '@peculiar/x509';
import { type DeviceId, deviceIdFromBytes, type KeyPair } from '../trust/index.js';

const ed25519 = { name: 'Ed25519' };
/** Whole-second dates far apart, so that no clock makes a certificate of one device differ from another. */
const validFrom = new Date(Date.UTC(2000, 0, 1));
const validUntil = new Date(Date.UTC(2100, 0, 1));

/** What TLS needs of this device: TLS 1.3 with two ciphers, one key exchange and one signature, and nothing else. */
export async function tlsIdentityOf(device: KeyPair): Promise<SecureContextOptions> {
  return {
    key: device.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: await certificateOf(device),
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

/** PEM. */
async function certificateOf(device: KeyPair): Promise<string> {
  const { subtle } = webcrypto;
  const pkcs8 = device.privateKey.export({ type: 'pkcs8', format: 'der' });
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: '01',
      name: 'CN=shoal',
      notBefore: validFrom,
      notAfter: validUntil,
      signingAlgorithm: ed25519,
      keys: {
        privateKey: await subtle.importKey('pkcs8', pkcs8, ed25519, false, ['sign']),
        publicKey: await subtle.importKey('raw', device.publicKey, ed25519, true, ['verify']),
      },
    },
    webcrypto as never,
  );
  return certificate.toString('pem');
}
