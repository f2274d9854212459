/**
 * Heads: a device's signed statement "I hold everything under this root, and my files match it".
 */
import type { KeyObject } from 'node:crypto';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes, chunkIdToBytes } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { bytesField, decodeFields, encodeFields, malformed, numberField } from './canonical.js';
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
const what = 'head';

export function signHead(devicePrivateKey: KeyObject, head: Head): SignedHead {
  const fields = [
    1,
    deviceIdToBytes(head.device),
    actorIdToBytes(head.actor),
    head.sequence,
    chunkIdToBytes(head.root),
    head.time,
  ];
  const signature = sign(devicePrivateKey, context, encodeFields([shareIdToBytes(head.share), ...fields]));
  return { head, bytes: encodeFields([...fields, signature]) };
}

/**
 * @param share - the share it must be of; it is under the signature and not in the bytes
 * @throws ShoalError MALFORMED, or REFUSED if the signature is not the named device's
 */
export function decodeHead(share: ShareId, bytes: Uint8Array): SignedHead {
  const fields = decodeFields(bytes, what, { bytesMax: headBytesMax, count: 7 });
  if (fields[0] !== 1) throw malformed(what, 'its version is unknown');
  const device = bytesField(fields[1], what, publicKeyBytes);
  const head: Head = {
    share,
    device: deviceIdFromBytes(device),
    actor: actorIdFromBytes(bytesField(fields[2], what, actorIdBytes)),
    sequence: numberField(fields[3], what),
    root: chunkIdFromBytes(bytesField(fields[4], what, chunkIdBytes)),
    time: numberField(fields[5], what),
  };
  const signature = bytesField(fields[6], what, signatureBytes);
  const signed = encodeFields([
    shareIdToBytes(share),
    1,
    device,
    actorIdToBytes(head.actor),
    head.sequence,
    chunkIdToBytes(head.root),
    head.time,
  ]);
  if (!verify(device, context, signed, signature)) {
    throw new ShoalError('REFUSED', 'A head was not signed by the device it names.', {
      data: { device: head.device },
    });
  }
  return { head, bytes: Uint8Array.from(bytes) };
}
