/** What the mesh needs, and what it tells. */
import type { DeviceId, SignedHead } from '../trust/index.js';
import type { Replica } from './replica.js';

export interface MeshEvents {
  /** A member's head names a root that is not ours, or one that was not is now. */
  onHead(head: SignedHead): void;
  /** A member record or an address was put into the store. */
  onMembersKept(): void;
  /** A member record of this device came. */
  onOwnRole(): void;
  /** A device told its own head, new or not. */
  onFresh(device: DeviceId): void;
  onPeer(device: DeviceId, state: 'connected' | 'disconnected', detail: string): void;
  /** Something a person should know: a refused device, a read-only write, a member that cannot be reached. */
  onReport(text: string, device?: DeviceId): void;
  /** Peers know a later head of ours than we do: the state was rolled back. */
  onRolledBack(headTime: number): void;
  onError(error: unknown): void;
}

export interface MeshOptions {
  readonly replica: Replica;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly portTries: number;
  /** HOST:PORT */
  readonly peers: readonly string[];
  /** Bytes of chunks a second, to all peers and from all peers; undefined: no limit. */
  readonly limitUp: number | undefined;
  readonly limitDown: number | undefined;
  /** Learns from the others, tells no head and serves no chunk: nobody changes anything because of it. */
  readonly isQuiet?: boolean;
  readonly now: () => number;
  readonly random: () => number;
  readonly events: MeshEvents;
}
