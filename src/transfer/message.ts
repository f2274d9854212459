/**
 * The messages of a session: what they are, and how large each may be. `encoding.ts` says how they look in bytes.
 * Every bound here holds on both sides: we never send more, and never accept more.
 */
import type { ChunkId, EncodedChunk } from '../chunking/index.js';
import type { DeviceId } from '../trust/index.js';

/** One message body, without the length in front of it: `network/` adds that. */
export type Frame = Uint8Array;

/** The most bytes of a frame: a chunk of the largest size with its header fits with room to spare. */
export const frameBytesMax = 128 * 1024;
/** What an error calls a message that is not valid. */
export const messageName = 'message from a peer';
export const protocolVersion = 1;
/** The most ids in one `want` or `absent`. */
export const idsPerMessageMax = 256;
/** The most heads in one `heads`, and the most records in one `members` or `welcome`. */
export const recordsPerMessageMax = 64;
/** The most addresses in one `addresses`. */
export const addressesPerMessageMax = 400;
/** UTF-16 units: a host name of 253, a colon, a port. */
export const addressLengthMax = 259;
export const refuseTextLengthMax = 200;
export const nonceMax = 2 ** 32 - 1;

/** Why a session is refused. The order is the number on the wire: only ever append. */
export const refuseReasons = [
  'protocol',
  'not-a-member',
  'revoked',
  'ticket-unknown',
  'ticket-used',
  'ticket-expired',
  'misbehaved',
  'busy',
] as const;
export type RefuseReason = (typeof refuseReasons)[number];

export interface PeerAddress {
  readonly device: DeviceId;
  /** HOST:PORT. The codec bounds its length and refuses control characters; `gossip/` checks its form. */
  readonly address: string;
}

export type Message =
  /** First on a session: `port` is the UDP port the sender listens on. */
  | { readonly type: 'hello'; readonly protocol: 1; readonly name: string; readonly port: number }
  /** Encoded signed heads; the receiver checks each with `decodeHead`. */
  | { readonly type: 'heads'; readonly heads: readonly Uint8Array[] }
  /** Encoded signed member records. */
  | { readonly type: 'members'; readonly records: readonly Uint8Array[] }
  | { readonly type: 'addresses'; readonly list: readonly PeerAddress[] }
  /** Asks for chunks: 1 to `idsPerMessageMax` different ids. Each is answered by one `chunk` or in one `absent`. */
  | { readonly type: 'want'; readonly ids: readonly ChunkId[] }
  /** `chunk.bytes` is borrowed from the frame it was decoded from. Its hash has not been checked. */
  | { readonly type: 'chunk'; readonly id: ChunkId; readonly chunk: EncodedChunk }
  | { readonly type: 'absent'; readonly ids: readonly ChunkId[] }
  /** A guest shows the one-use token of its ticket. */
  | { readonly type: 'join'; readonly token: Uint8Array; readonly name: string }
  /** The guest is a member now: the records it needs, its own among them. */
  | { readonly type: 'welcome'; readonly records: readonly Uint8Array[] }
  | { readonly type: 'refuse'; readonly reason: RefuseReason; readonly text: string }
  | { readonly type: 'ping'; readonly nonce: number }
  | { readonly type: 'pong'; readonly nonce: number };
