/** Shows that a device's certificate is what X.509 says, and that nothing but its key is told from one. */
import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { deviceIdOf, tlsIdentityOf } from '../../src/network/certificate.js';
import { deviceIdFromBytes, generateKeyPair, importSecretKey } from '../../src/trust/index.js';

const device = importSecretKey(new Uint8Array(32).fill(7));

/** Of `device`, as @peculiar/x509 2.2.0 made it. */
const frozen =
  '3081d2308185a003020102020101300506032b65703010310e300c0603550403130573686f616c3020170d3030303130313030303030305a' +
  '180f32313030303130313030303030305a3010310e300c0603550403130573686f616c302a300506032b6570032100ea4a6c63e29c520abe' +
  'f5507b132ec5f9954776aebebe7b92421eea691446d22ca3023000300506032b657003410023f5e6a75ef3bdd97bab384f4bd0b6a94ca7b0' +
  'f6daae2f7baa32e4572000968b6da9ef54167a59ae2ba1460818fecfaeac35038ce6b02ba7603b091c80e3520f';

it('is the same for a key at all times, to the byte', () => {
  const certificate = new X509Certificate(tlsIdentityOf(device).cert as string);
  expect(certificate.raw.toString('hex')).toBe(frozen);
});

it('holds the key, and is signed with it', () => {
  const pair = generateKeyPair();
  const certificate = new X509Certificate(tlsIdentityOf(pair).cert as string);
  expect(deviceIdOf(certificate)).toBe(deviceIdFromBytes(pair.publicKey));
  expect(certificate.checkPrivateKey(pair.privateKey)).toBe(true);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.verify(new X509Certificate(tlsIdentityOf(device).cert as string).publicKey)).toBe(false);
  expect([certificate.validFrom, certificate.validTo]).toEqual([
    'Jan  1 00:00:00 2000 GMT',
    'Jan  1 00:00:00 2100 GMT',
  ]);
});
