/**
 * Records, heads and addresses as messages, cut so that each keeps the bounds of the wire.
 */
import type { DeviceId, SignedHead, SignedMemberRecord } from '../trust/index.js';
import { headsPerDatagramMax } from './datagram.js';
import type { DeviceAddress, GossipEffect, GossipMessage } from './event.js';

/** The bounds of `transfer/` for one message. */
const recordsPerMessageMax = 64;
const addressesPerMessageMax = 400;

const bytesOf = ({ bytes }: { bytes: Uint8Array }): Uint8Array => bytes;

export function sendHeads(device: DeviceId, heads: readonly SignedHead[]): GossipEffect[] {
  return inParts(heads, recordsPerMessageMax, (part) =>
    send(device, { type: 'heads', heads: part.map(bytesOf) }),
  );
}

export function sendMembers(device: DeviceId, records: readonly SignedMemberRecord[]): GossipEffect[] {
  return inParts(records, recordsPerMessageMax, (part) =>
    send(device, { type: 'members', records: part.map(bytesOf) }),
  );
}

export function sendAddresses(device: DeviceId, list: readonly DeviceAddress[]): GossipEffect[] {
  return inParts(list, addressesPerMessageMax, (part) => send(device, { type: 'addresses', list: part }));
}

/** One datagram; nothing for no heads. @param heads - those beyond `headsPerDatagramMax` are left out */
export function datagramOfHeads(device: DeviceId, heads: readonly SignedHead[]): GossipEffect[] {
  if (heads.length === 0) return [];
  const fitting = heads.slice(0, headsPerDatagramMax).map(bytesOf);
  return [{ type: 'datagram', device, datagram: { type: 'heads', heads: fitting } }];
}

function send(device: DeviceId, message: GossipMessage): GossipEffect {
  return { type: 'send', device, message };
}

function inParts<Item>(
  items: readonly Item[],
  countMax: number,
  effectOf: (part: readonly Item[]) => GossipEffect,
): GossipEffect[] {
  const effects: GossipEffect[] = [];
  for (let start = 0; start < items.length; start += countMax)
    effects.push(effectOf(items.slice(start, start + countMax)));
  return effects;
}
