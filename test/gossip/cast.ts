/** A share and its devices for the gossip tests: real keys, from fixed seeds, so that every run has the same ids. */
import { createHash } from 'node:crypto';
import { chunkIdFromBytes } from '../../src/chunking/index.js';
import {
  type ActorId,
  type DeviceId,
  deviceIdFromBytes,
  importSecretKey,
  type KeyPair,
  parseActorId,
  type Role,
  type ShareId,
  type SignedHead,
  type SignedMemberRecord,
  shareIdFromBytes,
  signHead,
  signMemberRecord,
} from '../../src/trust/index.js';

const digest = (text: string): Uint8Array => Uint8Array.from(createHash('sha256').update(text).digest());
const shareKey = importSecretKey(digest('the share of the gossip tests'));
export const share: ShareId = shareIdFromBytes(shareKey.publicKey);

export interface CastMember {
  readonly name: string;
  readonly keys: KeyPair;
  readonly device: DeviceId;
}

export function castMember(index: number): CastMember {
  const keys = importSecretKey(digest(`device ${index}`));
  return { name: `device ${index}`, keys, device: deviceIdFromBytes(keys.publicKey) };
}

export const actorOf = (number: number): ActorId => parseActorId(number.toString(16).padStart(16, '0'));

export function recordOf(member: CastMember, role: Role = 'rw', serial = 1): SignedMemberRecord {
  const { device, name } = member;
  return signMemberRecord(shareKey.privateKey, {
    share,
    device,
    role,
    serial,
    name,
    time: 1_700_000_000_000,
  });
}

export function headOf(
  member: CastMember,
  at: { sequence: number; time?: number; actor?: number; content?: string },
): SignedHead {
  const { sequence, time = sequence, actor = 1, content = `${member.name} ${sequence}` } = at;
  const root = chunkIdFromBytes(digest(content));
  return signHead(member.keys.privateKey, {
    share,
    device: member.device,
    actor: actorOf(actor),
    sequence,
    root,
    time,
  });
}
