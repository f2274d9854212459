/**
 * What gossip is told, and what it answers. The messages have the shapes of `transfer/`, the datagrams those of
 * `datagram.ts`. Records and heads come in decoded: their signatures have been checked.
 */
import type { DeviceId, Role, ShareId, SignedHead, SignedMemberRecord } from '../trust/index.js';
import type { Datagram } from './datagram.js';

export interface DeviceAddress {
  readonly device: DeviceId;
  /** HOST:PORT */
  readonly address: string;
}

export interface GossipOptions {
  readonly share: ShareId;
  readonly self: DeviceId;
  /** From 0 to below 1: for jitter, nonces and choice. Seeded in tests. */
  readonly random: () => number;
  /** What was stored. */
  readonly members: readonly SignedMemberRecord[];
  readonly heads: readonly SignedHead[];
  readonly addresses: readonly DeviceAddress[];
}

export type GossipEvent =
  /** Time has passed; the first one starts the dialling. */
  | { readonly type: 'tick' }
  /** We signed a head. Its time must be above that of every head known for this device. */
  | { readonly type: 'own-head'; readonly head: SignedHead }
  | {
      readonly type: 'member-records';
      readonly records: readonly SignedMemberRecord[];
      readonly from?: DeviceId;
    }
  | {
      readonly type: 'heads';
      readonly heads: readonly SignedHead[];
      readonly from: DeviceId;
      readonly via: 'session' | 'datagram';
    }
  | { readonly type: 'addresses'; readonly list: readonly DeviceAddress[]; readonly from: DeviceId }
  /** From `--peer`, a ticket or the settings: kept for good, and tried whatever peers say. */
  | { readonly type: 'address-added'; readonly address: string; readonly device?: DeviceId }
  /**
   * A session to `device` is in use; it may replace another one. `address` is the text of the `dial` effect if we
   * initiated it, else where the peer was seen; `listenPort` is from its hello.
   */
  | {
      readonly type: 'session-opened';
      readonly device: DeviceId;
      readonly address: string;
      readonly initiator: boolean;
      readonly listenPort?: number;
    }
  /** No session to `device` is left. Need not be told of one that a `close-session` ended. */
  | { readonly type: 'session-closed'; readonly device: DeviceId }
  /**
   * Every dial ends in this or in `session-opened`. `device` is who answered, if the new session was given up for
   * another one to the same device, or for being one to ourselves: then the address was good, or is our own.
   */
  | {
      readonly type: 'dial-failed';
      readonly address: string;
      readonly reason: string;
      readonly device?: DeviceId;
    }
  | { readonly type: 'probe'; readonly from: DeviceId; readonly nonce: number }
  | { readonly type: 'answer'; readonly from: DeviceId; readonly nonce: number }
  /** Anything else came from this device. May be told once a second instead of for each frame. */
  | { readonly type: 'heard'; readonly from: DeviceId };

export type GossipMessage =
  | { readonly type: 'heads'; readonly heads: readonly Uint8Array[] }
  | { readonly type: 'members'; readonly records: readonly Uint8Array[] }
  | { readonly type: 'addresses'; readonly list: readonly DeviceAddress[] };

export type ReportKind =
  /** Two heads under one sequence, or a head under an actor that its device had left. */
  | 'equivocation'
  /** A head of a device without a member record. */
  | 'unknown-device'
  /** Peers hold a later head of this device than this device does: take a new actor, and a later time. */
  | 'future-state'
  /** A member, or an address from the settings, that did not answer. */
  | 'unreachable'
  /** This device was revoked. */
  | 'revoked';

export type GossipEffect =
  | { readonly type: 'dial'; readonly address: string; readonly device?: DeviceId }
  | { readonly type: 'send'; readonly device: DeviceId; readonly message: GossipMessage }
  | { readonly type: 'datagram'; readonly device: DeviceId; readonly datagram: Datagram }
  /** Gossip counts the session as gone. */
  | { readonly type: 'close-session'; readonly device: DeviceId; readonly reason: string }
  | { readonly type: 'store-head'; readonly head: SignedHead }
  | { readonly type: 'store-member'; readonly record: SignedMemberRecord }
  /** The device was reached there: replaces what was stored for it. */
  | { readonly type: 'store-address'; readonly device: DeviceId; readonly address: string }
  /** A member's head is newer than what was known, or the member's role has changed under it. */
  | { readonly type: 'head-advanced'; readonly head: SignedHead }
  /** Send a `tick` at this time; replaces every earlier `wake`. */
  | { readonly type: 'wake'; readonly at: number }
  | {
      readonly type: 'report';
      readonly kind: ReportKind;
      readonly device?: DeviceId;
      /** With `future-state`: the later head. */
      readonly head?: SignedHead;
      readonly text: string;
    };

export interface PeerView {
  readonly device: DeviceId;
  readonly name?: string;
  readonly role?: Role;
  readonly state: 'connected' | 'dialling' | 'waiting' | 'no-address';
  /** Of the session, or the one that is tried next. */
  readonly address?: string;
  /** Unix ms. */
  readonly lastHeardAt?: number;
  readonly head?: SignedHead;
  /** Two heads under one sequence were seen, and no new actor since. */
  readonly frozen: boolean;
}
