/**
 * Gossip: members, addresses, heads, and whom to dial. Pure: no I/O, no clock; time and chance come in as arguments,
 * and what to do comes out as effects.
 */
export {
  type Datagram,
  datagramBytesMax,
  decodeDatagram,
  encodeDatagram,
} from './datagram.js';
export type {
  DeviceAddress,
  GossipEffect,
  GossipEvent,
  GossipMessage,
  GossipOptions,
  PeerView,
  ReportKind,
} from './event.js';
export { Gossip, membersMax } from './gossip.js';
