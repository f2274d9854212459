/**
 * Ids, keys, member records, heads and tickets: each decodes to what was encoded, has one canonical form, and is
 * refused when a bit, the share or the signer is another one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkIdOf } from '../../src/chunking/index.js';
import { isShoalError, ShoalError } from '../../src/error.js';
import {
  type ActorId,
  decodeHead,
  decodeMemberRecord,
  decodeTicket,
  deviceIdFromBytes,
  dialKey,
  encodeTicket,
  exportSecretKey,
  generateKeyPair,
  importSecretKey,
  parseActorId,
  parseDeviceId,
  parseShareId,
  shareIdFromBytes,
  signHead,
  signMemberRecord,
} from '../../src/trust/index.js';
import { sign, verify } from '../../src/trust/keys.js';

const seedOf = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const shareKey = importSecretKey(seedOf(1));
const deviceKey = importSecretKey(seedOf(2));
const share = shareIdFromBytes(shareKey.publicKey);
const device = deviceIdFromBytes(deviceKey.publicKey);
const actor = parseActorId('0123456789abcdef') as ActorId;
const root = chunkIdOf(new TextEncoder().encode('root'));
const head = { share, device, actor, sequence: 7, root, time: 1_700_000_000_000 };
const record = { share, device, role: 'rw', serial: 3, name: 'laptop', time: 1_700_000_000_000 } as const;
const ticket = {
  share,
  inviter: device,
  addresses: ['10.0.0.2:22001', 'nas.example:1'],
  token: new Uint8Array(16).fill(9),
  role: 'ro',
  expires: 1_800_000_000_000,
} as const;

const refused = (task: () => unknown): string => {
  try {
    task();
  } catch (error) {
    if (error instanceof ShoalError) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('ids', () => {
  it('are hex of their length and nothing else', () => {
    expect(parseShareId(share)).toBe(share);
    for (const text of ['', 'AB'.repeat(32), 'g'.repeat(64), 'a'.repeat(63), 'a'.repeat(66)]) {
      expect(refused(() => parseDeviceId(text))).toBe('MALFORMED');
    }
    expect(refused(() => deviceIdFromBytes(new Uint8Array(31)))).toBe('MALFORMED');
  });
});

describe('keys', () => {
  it('come back from their 32 secret bytes, as RFC 8032 has them', () => {
    // RFC 8032, section 7.1, test 1: the public key of this secret key.
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const pair = importSecretKey(Uint8Array.from(seed));
    expect(Buffer.from(pair.publicKey).toString('hex')).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    );
    expect(Buffer.from(exportSecretKey(pair)).equals(seed)).toBe(true);
    expect(generateKeyPair().publicKey).not.toEqual(generateKeyPair().publicKey);
  });

  it('sign for one context only', () => {
    const message = new TextEncoder().encode('message');
    const signature = sign(deviceKey.privateKey, 'context', message);
    expect(verify(deviceKey.publicKey, 'context', message, signature)).toBe(true);
    expect(verify(deviceKey.publicKey, 'contextm', message.subarray(1), signature)).toBe(false);
    expect(verify(shareKey.publicKey, 'context', message, signature)).toBe(false);
    expect(verify(deviceKey.publicKey.subarray(1), 'context', message, signature)).toBe(false);
    expect(verify(deviceKey.publicKey, 'context', message, signature.subarray(1))).toBe(false);
  });

  it('give each share its own dial key', () => {
    expect(dialKey(share)).toHaveLength(32);
    expect(dialKey(share)).not.toEqual(dialKey(shareIdFromBytes(deviceKey.publicKey)));
  });
});

describe('signed records', () => {
  it('decode to what was signed, and have golden bytes', () => {
    const signedHead = signHead(deviceKey.privateKey, head);
    const signedRecord = signMemberRecord(shareKey.privateKey, record);
    expect(decodeHead(share, signedHead.bytes)).toEqual(signedHead);
    expect(decodeMemberRecord(share, signedRecord.bytes)).toEqual(signedRecord);
    // Ed25519 is deterministic: another form of these bytes is another format.
    expect(chunkIdOf(signedHead.bytes).slice(0, 16)).toMatchInlineSnapshot(`"05b69662f3c3817c"`);
    expect(chunkIdOf(signedRecord.bytes).slice(0, 16)).toMatchInlineSnapshot(`"c5ad9ce241c52ba0"`);
  });

  it('are refused under another share, or signed by another key', () => {
    const other = shareIdFromBytes(deviceKey.publicKey);
    expect(refused(() => decodeHead(other, signHead(deviceKey.privateKey, head).bytes))).toBe('REFUSED');
    expect(refused(() => decodeHead(share, signHead(shareKey.privateKey, head).bytes))).toBe('REFUSED');
    const forged = signMemberRecord(deviceKey.privateKey, record);
    expect(refused(() => decodeMemberRecord(share, forged.bytes))).toBe('REFUSED');
    expect(
      refused(() => decodeMemberRecord(other, signMemberRecord(shareKey.privateKey, record).bytes)),
    ).toBe('REFUSED');
  });

  it('are refused with any bit flipped, cut off or appended', () => {
    const forms = [
      {
        bytes: signHead(deviceKey.privateKey, head).bytes,
        decode: (bytes: Uint8Array) => decodeHead(share, bytes),
      },
      {
        bytes: signMemberRecord(shareKey.privateKey, record).bytes,
        decode: (bytes: Uint8Array) => decodeMemberRecord(share, bytes),
      },
    ];
    for (const { bytes, decode } of forms) {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Uint8Array.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(refused(() => decode(flipped))).not.toBe('accepted');
      }
      for (let length = 0; length < bytes.length; length++) {
        expect(refused(() => decode(bytes.subarray(0, length)))).toBe('MALFORMED');
      }
      expect(refused(() => decode(Uint8Array.from([...bytes, 0])))).toBe('MALFORMED');
    }
  });

  it('throw nothing but ShoalErrors on bytes from anybody', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const decode of [decodeHead, decodeMemberRecord]) {
          try {
            decode(share, bytes);
          } catch (error) {
            if (!isShoalError(error)) throw error;
          }
        }
      }),
    );
  });
});

describe('tickets', () => {
  it('come back from their text, with white space around', () => {
    expect(decodeTicket(` ${encodeTicket(ticket)}\n`)).toEqual(ticket);
  });

  it('are refused when a character is missing, added or another one', () => {
    const text = encodeTicket(ticket);
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'x' ? 'y' : 'x';
      const mistyped = [
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at) + other + text.slice(at + 1),
      ];
      for (const wrong of mistyped) expect(refused(() => decodeTicket(wrong))).toBe('REFUSED');
    }
    expect(refused(() => decodeTicket('shoal1'))).toBe('REFUSED');
    expect(refused(() => decodeTicket(''))).toBe('REFUSED');
  });
});
