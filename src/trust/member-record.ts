/**
 * Member records: "this device may read / may read and write / is revoked", signed by the share key.
 * A record with a higher serial replaces a lower one of the same device.
 */
import type { KeyObject } from 'node:crypto';
import { ShoalError } from '../error.js';
import { bytesField, decodeFields, encodeFields, malformed, numberField, textField } from './canonical.js';
import {
  type DeviceId,
  deviceIdFromBytes,
  deviceIdToBytes,
  publicKeyBytes,
  type ShareId,
  shareIdToBytes,
} from './identity.js';
import { sign, signatureBytes, verify } from './keys.js';

export type Role = 'rw' | 'ro' | 'revoked';

export interface MemberRecord {
  readonly share: ShareId;
  readonly device: DeviceId;
  readonly role: Role;
  /** 1, 2, ...: the highest serial of a device counts. */
  readonly serial: number;
  /** What the device calls itself; for people only. At most `deviceNameLengthMax` UTF-16 units. */
  readonly name: string;
  /** Unix time of signing, ms; for people only. */
  readonly time: number;
}

export interface SignedMemberRecord {
  readonly record: MemberRecord;
  /** The canonical encoding, signature included: what travels and what is stored. */
  readonly bytes: Uint8Array;
}

export const deviceNameLengthMax = 64;
export const memberRecordBytesMax = 512;

const context = 'shoal member record v1';
const what = 'member record';
const roles: readonly Role[] = ['rw', 'ro', 'revoked'];

export function signMemberRecord(sharePrivateKey: KeyObject, record: MemberRecord): SignedMemberRecord {
  const fields = [
    1,
    deviceIdToBytes(record.device),
    roles.indexOf(record.role),
    record.serial,
    record.name,
    record.time,
  ];
  const signature = sign(sharePrivateKey, context, signedPart(record.share, fields));
  return { record, bytes: encodeFields([...fields, signature]) };
}

/**
 * @param share - the share it must be of: its id is the key that must have signed
 * @throws ShoalError MALFORMED, or REFUSED if the signature is not the share key's
 */
export function decodeMemberRecord(share: ShareId, bytes: Uint8Array): SignedMemberRecord {
  const fields = decodeFields(bytes, what, { bytesMax: memberRecordBytesMax, count: 7 });
  if (fields[0] !== 1) throw malformed(what, 'its version is unknown');
  const role = roles[numberField(fields[2], what)];
  if (role === undefined) throw malformed(what, 'its role is unknown');
  const record: MemberRecord = {
    share,
    device: deviceIdFromBytes(bytesField(fields[1], what, publicKeyBytes)),
    role,
    serial: numberField(fields[3], what),
    name: textField(fields[4], what, deviceNameLengthMax),
    time: numberField(fields[5], what),
  };
  const signature = bytesField(fields[6], what, signatureBytes);
  const signed = signedPart(share, [
    1,
    deviceIdToBytes(record.device),
    roles.indexOf(role),
    record.serial,
    record.name,
    record.time,
  ]);
  if (!verify(shareIdToBytes(share), context, signed, signature)) {
    throw new ShoalError('REFUSED', 'A member record was not signed by the share key.', {
      data: { device: record.device },
    });
  }
  return { record, bytes: Uint8Array.from(bytes) };
}

function signedPart(share: ShareId, fields: readonly (number | string | Uint8Array)[]): Uint8Array {
  return encodeFields([shareIdToBytes(share), ...fields]);
}
