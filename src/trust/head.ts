/**
 * Heads: a device's signed statement "I hold everything under this root, and my files match it".
 */
import type { KeyObject } from 'node:crypto';
import { decodeFields, encodeFields, type Field } from '../cbor/index.js';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes, chunkIdToBytes } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import {
  type ActorId,
  actorIdBytes,
  actorIdFromBytes,
  actorIdToBytes,
  type DeviceId,
  deviceIdFromBytes,
  deviceIdToBytes,
  publicKeyBytes,
  type ShareId,
  shareIdToBytes,
} from './identity.js';
import { sign, signatureBytes, verify } from './keys.js';

export interface Head {
  readonly share: ShareId;
  readonly device: DeviceId;
  readonly actor: ActorId;
  /** Counts the heads of one actor: 1, 2, ... */
  readonly sequence: number;
  readonly root: ChunkId;
  /** Unix time of signing, ms. */
  readonly time: number;
}

export interface SignedHead {
  readonly head: Head;
  /** The canonical encoding, signature included. */
  readonly bytes: Uint8Array;
}

export const headBytesMax = 256;

const context = 'shoal head v1';
const headFormat = 1;

export function signHead(devicePrivateKey: KeyObject, head: Head): SignedHead {
  const signature = sign(devicePrivateKey, context, signedPart(head));
  return { head, bytes: encodeFields([...fieldsOf(head), signature]) };
}

/**
 * @param share - the share it must be of; it is under the signature and not in the bytes
 * @throws ShoalError MALFORMED, or REFUSED if the signature is not the named device's
 */
export function decodeHead(share: ShareId, bytes: Uint8Array): SignedHead {
  const fields = decodeFields(bytes, 'head', headBytesMax);
  fields.integer('the format', headFormat, headFormat);
  const device = fields.bytes('the device', publicKeyBytes, publicKeyBytes);
  const head: Head = {
    share,
    device: deviceIdFromBytes(device),
    actor: actorIdFromBytes(fields.bytes('the actor', actorIdBytes, actorIdBytes)),
    sequence: fields.integer('the sequence', 0, Number.MAX_SAFE_INTEGER),
    root: chunkIdFromBytes(fields.bytes('the root', chunkIdBytes, chunkIdBytes)),
    time: fields.integer('the time', 0, Number.MAX_SAFE_INTEGER),
  };
  const signature = fields.bytes('the signature', signatureBytes, signatureBytes);
  fields.end();
  if (!verify(device, context, signedPart(head), signature)) {
    throw new ShoalError('REFUSED', 'A head was not signed by the device it names.', {
      data: { device: head.device },
    });
  }
  return { head, bytes: Uint8Array.from(bytes) };
}

function signedPart(head: Head): Uint8Array {
  return encodeFields([shareIdToBytes(head.share), ...fieldsOf(head)]);
}

function fieldsOf(head: Head): readonly Field[] {
  return [
    headFormat,
    deviceIdToBytes(head.device),
    actorIdToBytes(head.actor),
    head.sequence,
    chunkIdToBytes(head.root),
    head.time,
  ];
}
