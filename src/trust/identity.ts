/**
 * The ids of shares, devices and actors. A share or device id is an Ed25519 public key; an actor id is random.
 * In memory they are lowercase hex, so that they work as map keys; on disk and on the wire they are bytes.
 */
import { ShoalError } from '../error.js';

export type ShareId = string & { readonly __brand: 'ShareId' };
export type DeviceId = string & { readonly __brand: 'DeviceId' };
export type ActorId = string & { readonly __brand: 'ActorId' };

export const publicKeyBytes = 32;
export const actorIdBytes = 8;

function parseHex(text: string, bytes: number, what: string): string {
  if (text.length !== bytes * 2 || !/^[0-9a-f]+$/.test(text)) {
    throw new ShoalError('MALFORMED', `A ${what} must be ${bytes * 2} lowercase hex characters.`);
  }
  return text;
}

function toHex(bytes: Uint8Array, length: number, what: string): string {
  if (bytes.length !== length)
    throw new ShoalError('MALFORMED', `A ${what} must be ${length} bytes, not ${bytes.length}.`);
  return Buffer.from(bytes).toString('hex');
}

const fromHex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

/** @throws ShoalError MALFORMED */
export const parseShareId = (text: string): ShareId => parseHex(text, publicKeyBytes, 'share id') as ShareId;
/** @throws ShoalError MALFORMED */
export const parseDeviceId = (text: string): DeviceId =>
  parseHex(text, publicKeyBytes, 'device id') as DeviceId;
/** @throws ShoalError MALFORMED */
export const parseActorId = (text: string): ActorId => parseHex(text, actorIdBytes, 'actor id') as ActorId;

/** @throws ShoalError MALFORMED unless 32 bytes */
export const shareIdFromBytes = (bytes: Uint8Array): ShareId =>
  toHex(bytes, publicKeyBytes, 'share id') as ShareId;
/** @throws ShoalError MALFORMED unless 32 bytes */
export const deviceIdFromBytes = (bytes: Uint8Array): DeviceId =>
  toHex(bytes, publicKeyBytes, 'device id') as DeviceId;
/** @throws ShoalError MALFORMED unless 8 bytes */
export const actorIdFromBytes = (bytes: Uint8Array): ActorId =>
  toHex(bytes, actorIdBytes, 'actor id') as ActorId;

export const shareIdToBytes = (id: ShareId): Uint8Array => fromHex(id);
export const deviceIdToBytes = (id: DeviceId): Uint8Array => fromHex(id);
export const actorIdToBytes = (id: ActorId): Uint8Array => fromHex(id);
