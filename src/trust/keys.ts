/**
 * Ed25519 keys and signatures (RFC 8032), from node:crypto. Every signature covers a context string, so that
 * bytes signed for one purpose can never be taken for another.
 */
import {
  createPrivateKey,
  createPublicKey,
  sign as ed25519Sign,
  verify as ed25519Verify,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { deriveKey } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { publicKeyBytes, type ShareId, shareIdToBytes } from './identity.js';

export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly privateKey: KeyObject;
}

export const signatureBytes = 64;
export const secretKeyBytes = 32;

/** The fixed DER that stands before a raw 32-byte Ed25519 key (RFC 8410). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

export function generateKeyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: publicKeyOf(privateKey), privateKey };
}

/** The 32-byte seed of `pair`: a secret, for a file of mode 0600 and nothing else. */
export function exportSecretKey(pair: KeyPair): Uint8Array {
  const der = pair.privateKey.export({ type: 'pkcs8', format: 'der' });
  return Uint8Array.from(der.subarray(der.length - secretKeyBytes));
}

/** @throws ShoalError MALFORMED unless `seed` is 32 bytes */
export function importSecretKey(seed: Uint8Array): KeyPair {
  if (seed.length !== secretKeyBytes) throw new ShoalError('MALFORMED', 'A secret key must be 32 bytes.');
  const privateKey = createPrivateKey({
    key: Buffer.concat([pkcs8Prefix, seed]),
    type: 'pkcs8',
    format: 'der',
  });
  return { publicKey: publicKeyOf(privateKey), privateKey };
}

/** @returns 64 bytes */
export function sign(privateKey: KeyObject, context: string, message: Uint8Array): Uint8Array {
  return Uint8Array.from(ed25519Sign(null, withContext(context, message), privateKey));
}

/** Whether `signature` is that of `publicKey` over `message` under `context`; false for keys and signatures of a wrong form. */
export function verify(
  publicKey: Uint8Array,
  context: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== publicKeyBytes || signature.length !== signatureBytes) return false;
  const key = createPublicKey({ key: Buffer.concat([spkiPrefix, publicKey]), type: 'spki', format: 'der' });
  return ed25519Verify(null, withContext(context, message), key, signature);
}

/** The key that authenticates dial datagrams: known to everybody who knows the share id, and to no scanner. 32 bytes. */
export function dialKey(share: ShareId): Uint8Array {
  return deriveKey('shoal dial datagram v1', shareIdToBytes(share));
}

function publicKeyOf(privateKey: KeyObject): Uint8Array {
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return Uint8Array.from(der.subarray(der.length - publicKeyBytes));
}

function withContext(context: string, message: Uint8Array): Uint8Array {
  const label = Buffer.from(context, 'utf8');
  return Buffer.concat([Buffer.of(label.length), label, message]);
}
