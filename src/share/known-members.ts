/** What the store knows of the other members from earlier runs: their records, newest heads and addresses. */
import {
  type DeviceId,
  decodeHead,
  decodeMemberRecord,
  parseDeviceId,
  type SignedHead,
  type SignedMemberRecord,
} from '../trust/index.js';
import type { Replica } from './replica.js';

export interface Known {
  readonly members: SignedMemberRecord[];
  /** Our own among them. */
  readonly heads: SignedHead[];
  readonly addresses: { readonly device: DeviceId; readonly address: string }[];
}

export async function readKnown({ share, store }: Replica): Promise<Known> {
  const known: Known = { members: [], heads: [], addresses: [] };
  for await (const [, bytes] of store.records('member')) known.members.push(decodeMemberRecord(share, bytes));
  for await (const [, bytes] of store.records('head')) known.heads.push(decodeHead(share, bytes));
  for await (const [device, bytes] of store.records('address')) {
    known.addresses.push({ device: parseDeviceId(device), address: Buffer.from(bytes).toString('utf8') });
  }
  return known;
}
