/**
 * The two datagrams that open a stream. Both are authenticated by the share's dial key (HMAC-SHA-256), so whoever
 * does not know the share id gets silence. They prove nothing about devices: TLS does, over the stream.
 *
 * dial   (128 bytes): 1, version, nonce 16, dialler's stream id u32, zeros, MAC 32 over all before it
 * answer ( 58 bytes): 2, version, nonce 16, dialler's stream id u32, responder's stream id u32, MAC 32
 *
 * The dial is padded so that no answer is ever longer than what asked for it (no amplification). The nonce joins
 * repeats of one dial; the whole of it is bound into TLS later (`dialTranscript`).
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ShareId, shareIdToBytes } from '../trust/index.js';

export const dialType = 1;
export const answerType = 2;
const version = 1;
export const nonceBytes = 16;
const macBytes = 32;
const dialBytes = 128;
const answerBytes = 2 + nonceBytes + 4 + 4 + macBytes;

export interface Dial {
  /** 16 random bytes. */
  readonly nonce: Uint8Array;
  readonly diallerStreamId: number;
}

export interface Answer extends Dial {
  readonly responderStreamId: number;
}

/** @param key - 32 bytes, `dialKey` of the share */
export function encodeDial(dial: Dial, key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(dialBytes);
  writeHead(bytes, dialType, dial);
  return seal(bytes, key);
}

export function encodeAnswer(answer: Answer, key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(answerBytes);
  writeHead(bytes, answerType, answer);
  view(bytes).setUint32(2 + nonceBytes + 4, answer.responderStreamId, true);
  return seal(bytes, key);
}

/** @returns undefined for anything that is not a dial under `key` */
export function decodeDial(bytes: Uint8Array, key: Uint8Array): Dial | undefined {
  if (bytes.length !== dialBytes || bytes[0] !== dialType || !authentic(bytes, key)) return undefined;
  return readHead(bytes);
}

/** @returns undefined for anything that is not an answer under `key` */
export function decodeAnswer(bytes: Uint8Array, key: Uint8Array): Answer | undefined {
  if (bytes.length !== answerBytes || bytes[0] !== answerType || !authentic(bytes, key)) return undefined;
  return { ...readHead(bytes), responderStreamId: view(bytes).getUint32(2 + nonceBytes + 4, true) };
}

/**
 * What both ends must agree on for TLS to belong to this dial: share, nonce and both stream ids. It is the context
 * of the keys exported from TLS, so a stream that was spliced to another dial or share yields other keys.
 */
export function dialTranscript(share: ShareId, answer: Answer): Uint8Array {
  const ids = new Uint8Array(8);
  view(ids).setUint32(0, answer.diallerStreamId, true);
  view(ids).setUint32(4, answer.responderStreamId, true);
  return Buffer.concat([shareIdToBytes(share), answer.nonce, ids]);
}

function writeHead(bytes: Uint8Array, type: number, dial: Dial): void {
  bytes[0] = type;
  bytes[1] = version;
  bytes.set(dial.nonce, 2);
  view(bytes).setUint32(2 + nonceBytes, dial.diallerStreamId, true);
}

function readHead(bytes: Uint8Array): Dial {
  return {
    nonce: bytes.slice(2, 2 + nonceBytes),
    diallerStreamId: view(bytes).getUint32(2 + nonceBytes, true),
  };
}

function seal(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  bytes.set(mac(bytes, key), bytes.length - macBytes);
  return bytes;
}

/** Of another version is as foreign as of another share. */
function authentic(bytes: Uint8Array, key: Uint8Array): boolean {
  return bytes[1] === version && timingSafeEqual(mac(bytes, key), bytes.subarray(bytes.length - macBytes));
}

function mac(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  return createHmac('sha256', key)
    .update(bytes.subarray(0, bytes.length - macBytes))
    .digest();
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
