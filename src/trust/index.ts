/** Who is who and who may what: ids, keys, member records, heads, tickets. Pure but for making keys. */
export { decodeHead, type Head, headBytesMax, type SignedHead, signHead } from './head.js';
export {
  type ActorId,
  actorIdBytes,
  actorIdFromBytes,
  actorIdToBytes,
  type DeviceId,
  deviceIdFromBytes,
  deviceIdToBytes,
  parseActorId,
  parseDeviceId,
  parseShareId,
  publicKeyBytes,
  type ShareId,
  shareIdFromBytes,
  shareIdToBytes,
} from './identity.js';
export {
  dialKey,
  exportSecretKey,
  generateKeyPair,
  importSecretKey,
  type KeyPair,
} from './keys.js';
export {
  decodeMemberRecord,
  deviceNameLengthMax,
  type MemberRecord,
  memberRecordBytesMax,
  type Role,
  type SignedMemberRecord,
  signMemberRecord,
} from './member-record.js';
export { decodeTicket, encodeTicket, type Ticket, ticketAddressesMax, tokenBytes } from './ticket.js';
