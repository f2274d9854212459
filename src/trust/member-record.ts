/**
 * Member records: "this device may read / may read and write / is revoked", signed by the share key.
 * A record with a higher serial replaces a lower one of the same device.
 */
import type { KeyObject } from 'node:crypto';
import { decodeFields, encodeFields, type Field, malformed } from '../cbor/index.js';
import { ShoalError } from '../error.js';
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
const recordFormat = 1;
const roles: readonly Role[] = ['rw', 'ro', 'revoked'];

export function signMemberRecord(sharePrivateKey: KeyObject, record: MemberRecord): SignedMemberRecord {
  const signature = sign(sharePrivateKey, context, signedPart(record));
  return { record, bytes: encodeFields([...fieldsOf(record), signature]) };
}

/**
 * @param share - the share it must be of: its id is the key that must have signed
 * @throws ShoalError MALFORMED, or REFUSED if the signature is not the share key's
 */
export function decodeMemberRecord(share: ShareId, bytes: Uint8Array): SignedMemberRecord {
  const fields = decodeFields(bytes, what, memberRecordBytesMax);
  fields.integer('the format', recordFormat, recordFormat);
  const device = deviceIdFromBytes(fields.bytes('the device', publicKeyBytes, publicKeyBytes));
  const role = roles[fields.integer('the role', 0, Number.MAX_SAFE_INTEGER)];
  if (role === undefined) throw malformed(what, 'its role is unknown');
  const record: MemberRecord = {
    share,
    device,
    role,
    serial: fields.integer('the serial', 0, Number.MAX_SAFE_INTEGER),
    name: fields.textString('the name', deviceNameLengthMax),
    time: fields.integer('the time', 0, Number.MAX_SAFE_INTEGER),
  };
  const signature = fields.bytes('the signature', signatureBytes, signatureBytes);
  fields.end();
  if (!verify(shareIdToBytes(share), context, signedPart(record), signature)) {
    throw new ShoalError('REFUSED', 'A member record was not signed by the share key.', {
      data: { device: record.device },
    });
  }
  return { record, bytes: Uint8Array.from(bytes) };
}

function signedPart(record: MemberRecord): Uint8Array {
  return encodeFields([shareIdToBytes(record.share), ...fieldsOf(record)]);
}

function fieldsOf(record: MemberRecord): readonly Field[] {
  return [
    recordFormat,
    deviceIdToBytes(record.device),
    roles.indexOf(record.role),
    record.serial,
    record.name,
    record.time,
  ];
}
