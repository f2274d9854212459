/**
 * One device of the gossip simulator: the production `Gossip`, a store in memory, and the part of the caller: it
 * signs heads, takes a new actor when its state proves old, and keeps one session for each device.
 */
import assert from 'node:assert';
import {
  Gossip,
  type GossipEffect,
  type GossipEvent,
  type GossipOptions,
  type ReportKind,
} from '../../src/gossip/index.js';
import type { DeviceId, SignedHead, SignedMemberRecord } from '../../src/trust/index.js';
import { type CastMember, headOf, share } from './cast.js';
import type { SimulatedSession, Simulator } from './simulator.js';

interface Stored {
  members: Map<DeviceId, SignedMemberRecord>;
  heads: Map<DeviceId, SignedHead>;
  addresses: Map<DeviceId, string>;
  actor: number;
  sequence: number;
}

export class SimulatedDevice {
  readonly member: CastMember;
  readonly sessions = new Map<DeviceId, SimulatedSession>();
  readonly dialling = new Map<string, DeviceId | undefined>();
  readonly reports: { kind: ReportKind; device?: DeviceId; text: string }[] = [];
  readonly initialAddress: string | undefined;
  address: string;
  gossip: Gossip | undefined;
  /** How often this device was started: what was under way before belongs to an earlier life. */
  life = 0;
  #stored: Stored;
  #snapshot: Stored | undefined;
  #wakeOrder = 0;
  readonly #simulator: Simulator;

  constructor(
    simulator: Simulator,
    options: {
      member: CastMember;
      address: string;
      initialAddress: string | undefined;
      records: readonly SignedMemberRecord[];
    },
  ) {
    this.#simulator = simulator;
    this.member = options.member;
    this.address = options.address;
    this.initialAddress = options.initialAddress;
    const members = new Map(options.records.map((record) => [record.record.device, record]));
    this.#stored = { members, heads: new Map(), addresses: new Map(), actor: 1, sequence: 0 };
  }

  get device(): DeviceId {
    return this.member.device;
  }

  get actor(): number {
    return this.#stored.actor;
  }

  start(): void {
    this.life++;
    const options: GossipOptions = {
      share,
      self: this.device,
      random: this.#simulator.random,
      members: [...this.#stored.members.values()],
      heads: [...this.#stored.heads.values()],
      addresses: Array.from(this.#stored.addresses, ([device, address]) => ({ device, address })),
    };
    this.gossip = new Gossip(options, this.#simulator.time.now);
    const own = this.#stored.heads.get(this.device);
    if (own !== undefined) this.handle({ type: 'own-head', head: own });
    if (this.initialAddress !== undefined)
      this.handle({ type: 'address-added', address: this.initialAddress });
    this.handle({ type: 'tick' });
  }

  /** As by `kill -9`: sessions are not closed, only silent. */
  crash(): void {
    this.gossip = undefined;
    this.life++;
    this.sessions.clear();
    this.dialling.clear();
  }

  /** Keeps a copy of the state, as a backup would. */
  backUp(): void {
    this.#snapshot = copyOf(this.#stored);
  }

  /** Puts the copy back in place of the state. The device must be down. */
  restoreBackup(): void {
    if (this.#snapshot !== undefined) this.#stored = copyOf(this.#snapshot);
  }

  /** Everything but keys, records and the configured address is gone. The device must be down. */
  loseState(): void {
    const { members } = this.#stored;
    const actor = this.#simulator.newActor();
    this.#stored = { members, heads: new Map(), addresses: new Map(), actor, sequence: 0 };
  }

  /** The folder has changed: signs the next head. */
  change(timeAtLeast = 0): void {
    if (this.gossip === undefined) return;
    const stored = this.#stored;
    const last = stored.heads.get(this.device)?.head.time ?? 0;
    stored.sequence++;
    const head = headOf(this.member, {
      actor: stored.actor,
      sequence: stored.sequence,
      time: Math.max(this.#simulator.time.now, last + 1, timeAtLeast),
      content: `content ${this.#simulator.newContent()}`,
    });
    stored.heads.set(this.device, head);
    this.handle({ type: 'own-head', head });
  }

  handle(event: GossipEvent): void {
    if (this.gossip === undefined) return;
    this.#simulator.trace(this, 'event', event);
    for (const effect of this.gossip.handle(event, this.#simulator.time.now)) {
      this.#simulator.trace(this, 'effect', effect);
      this.#perform(effect);
    }
  }

  #perform(effect: GossipEffect): void {
    switch (effect.type) {
      case 'dial':
        this.#dial(effect.address, effect.device);
        break;
      case 'send':
        assert(this.gossip?.role(effect.device) !== undefined, 'only members are told anything');
        this.#simulator.send(this, effect.device, effect.message);
        break;
      case 'datagram':
        this.#simulator.sendDatagram(this, effect.device, effect.datagram);
        break;
      case 'close-session':
        this.#simulator.close(this, effect.device);
        break;
      case 'store-head':
        this.#stored.heads.set(effect.head.head.device, effect.head);
        break;
      case 'store-member':
        this.#stored.members.set(effect.record.record.device, effect.record);
        break;
      case 'store-address':
        this.#stored.addresses.set(effect.device, effect.address);
        break;
      case 'wake':
        this.#wake(effect.at);
        break;
      case 'report':
        this.reports.push(effect);
        if (effect.kind === 'future-state') this.#takeNewActor(effect.head);
        break;
      case 'head-advanced':
        break;
    }
  }

  #dial(address: string, device: DeviceId | undefined): void {
    assert(!this.dialling.has(address), 'no address is dialled twice at a time');
    assert(device === undefined || !this.sessions.has(device), 'no connected device is dialled');
    const others = [...this.dialling.values()];
    assert(device === undefined || !others.includes(device), 'no device is dialled twice at a time');
    this.dialling.set(address, device);
    this.#simulator.dial(this, address, device);
  }

  #takeNewActor(later: SignedHead | undefined): void {
    const { life } = this;
    this.#simulator.time.after(0, () => {
      if (this.life !== life) return;
      this.#stored.actor = this.#simulator.newActor();
      this.#stored.sequence = 0;
      this.change((later?.head.time ?? 0) + 1);
    });
  }

  #wake(at: number): void {
    const order = ++this.#wakeOrder;
    const { life } = this;
    this.#simulator.time.after(Math.max(0, at - this.#simulator.time.now), () => {
      if (this.life === life && order === this.#wakeOrder) this.handle({ type: 'tick' });
    });
  }
}

function copyOf(stored: Stored): Stored {
  return {
    ...stored,
    members: new Map(stored.members),
    heads: new Map(stored.heads),
    addresses: new Map(stored.addresses),
  };
}
