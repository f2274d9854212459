/**
 * Gossip: who is a member, who is where, and what everybody's newest head is. A pure state machine: each event gives
 * the effects that the caller carries out in order.
 *
 * Invariants
 * - Only members are told anything, and a revoked one only that it is revoked.
 * - A session starts with all there is, and carries all that is new after that. So members that are connected, over
 *   whatever path, come to the same records and heads.
 * - The effects follow from the events, `now` and `random` alone.
 *
 * What it does not do: it verifies no signature (records and heads come in verified), keeps no session, and does
 * not judge what is under a root.
 */
import type { DeviceId, Role, SignedHead, SignedMemberRecord } from '../trust/index.js';
import { sendMembers } from './announcement.js';
import type { Contact } from './contact.js';
import { GossipContext } from './context.js';
import { Dialling } from './dialling.js';
import type { GossipEffect, GossipEvent, GossipOptions, PeerView } from './event.js';
import { HeadExchange } from './head-exchange.js';
import { Link } from './link.js';

/** Most devices that may be members of a share at a time; who signs member records sees to it. */
export const membersMax = 50;

type EventOf<Type extends GossipEvent['type']> = Extract<GossipEvent, { type: Type }>;

export class Gossip {
  readonly #context: GossipContext;
  readonly #heads: HeadExchange;
  readonly #dialling: Dialling;
  #wakeAt = Number.POSITIVE_INFINITY;

  /** Takes up what was stored. Nothing happens before the first event. @param now - unix ms */
  constructor(options: GossipOptions, now: number) {
    this.#context = new GossipContext(options);
    this.#heads = new HeadExchange(this.#context, now);
    this.#dialling = new Dialling(this.#context, now);
  }

  members(): SignedMemberRecord[] {
    return this.#context.members.all();
  }

  role(device: DeviceId): Role | undefined {
    return this.#context.members.role(device);
  }

  /** The newest head of every member, this device's own first. */
  heads(): SignedHead[] {
    return this.#heads.all();
  }

  /** Every other device that is a member or has an address. */
  peers(): PeerView[] {
    const devices = new Set<DeviceId>(this.members().map(({ record }) => record.device));
    for (const { device } of this.#dialling.contacts()) if (device !== undefined) devices.add(device);
    for (const device of this.#context.links.keys()) devices.add(device);
    devices.delete(this.#context.self);
    return Array.from(devices, (device) => this.#viewOf(device));
  }

  /**
   * @param now - unix ms; never goes back
   * @throws ShoalError USAGE or LIMIT for an `address-added` that cannot be taken up; nothing has changed then
   */
  handle(event: GossipEvent, now: number): GossipEffect[] {
    if (event.type === 'tick') this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#noteHeard(event, now);
    this.#apply(event, now);
    this.#heads.announceFresh();
    this.#checkLinks(now);
    this.#heads.showWhenIdle(now);
    this.#dialling.dial(now);
    this.#planWake(now);
    return this.#context.takeEffects();
  }

  /** Whatever comes from a device shows that it is there; an answer only if its probe is open. */
  #noteHeard(event: GossipEvent, now: number): void {
    if (!('from' in event) || event.from === undefined) return;
    const link = this.#context.links.get(event.from);
    if (event.type === 'answer') link?.answered(event.nonce, now);
    else link?.heard(now);
  }

  #apply(event: GossipEvent, now: number): void {
    switch (event.type) {
      case 'own-head':
        this.#heads.advanceOwn(event.head);
        break;
      case 'member-records':
        this.#memberRecords(event);
        break;
      case 'heads':
        this.#heads.take(event);
        break;
      case 'addresses':
        this.#dialling.heardOf(event, now);
        break;
      case 'address-added':
        this.#dialling.configure(event, now);
        break;
      case 'session-opened':
        this.#sessionOpened(event, now);
        break;
      case 'session-closed':
        this.#sessionClosed(event.device, now);
        break;
      case 'dial-failed':
        this.#dialling.dialFailed(event, now);
        break;
      case 'probe':
        this.#answer(event);
        break;
      case 'answer':
      case 'heard':
      case 'tick':
        break;
    }
  }

  #memberRecords({ records, from }: EventOf<'member-records'>): void {
    const { members, options } = this.#context;
    for (const record of records) {
      if (from !== undefined && !members.mayRead(from)) return;
      if (record.record.share === options.share && members.accept(record)) this.#spreadRecord(record, from);
    }
  }

  #spreadRecord(record: SignedMemberRecord, from: DeviceId | undefined): void {
    const { device, role } = record.record;
    this.#context.emit({ type: 'store-member', record });
    if (role === 'revoked') this.#revoke(record);
    for (const link of this.#context.memberLinks()) {
      if (!link.introduced) this.#introduce(link);
      else if (link.device !== from) this.#context.emit(...sendMembers(link.device, [record]));
    }
    const head = this.#heads.get(device);
    if (head !== undefined) this.#context.emit({ type: 'head-advanced', head });
  }

  /** Tells a revoked device so, and has done with it. */
  #revoke(record: SignedMemberRecord): void {
    const { device } = record.record;
    if (device === this.#context.self) {
      const text = 'This device was revoked: it is no longer a member of the share.';
      this.#context.report('revoked', text, { device });
      return;
    }
    this.#heads.forget(device);
    this.#dialling.forgetDevice(device);
    if (!this.#context.links.delete(device)) return;
    this.#context.emit(...sendMembers(device, [record]));
    this.#context.emit({ type: 'close-session', device, reason: 'it was revoked' });
  }

  #sessionOpened(event: EventOf<'session-opened'>, now: number): void {
    const { device, address } = event;
    if (device === this.#context.self) {
      this.#dialling.reachedSelf(address);
      this.#context.emit({ type: 'close-session', device, reason: 'this is the device itself' });
      return;
    }
    if (this.role(device) === 'revoked') {
      this.#context.emit({ type: 'close-session', device, reason: 'it was revoked' });
      return;
    }
    const link = new Link(device, address, now);
    this.#context.links.set(device, link);
    this.#dialling.sessionOpened(event, now);
    if (this.#context.members.mayRead(device)) this.#introduce(link);
  }

  /** The first messages to a member on a session: everything. Until its record is known it is told nothing. */
  #introduce(link: Link): void {
    link.introduced = true;
    this.#context.emit(...sendMembers(link.device, this.members()));
    this.#heads.introduceTo(link);
    this.#dialling.introduceTo(link);
  }

  #sessionClosed(device: DeviceId, now: number): void {
    const link = this.#context.links.get(device);
    if (link === undefined) return;
    this.#context.links.delete(device);
    this.#dialling.sessionClosed(device, now - link.openedAt, now);
  }

  #answer({ from, nonce }: EventOf<'probe'>): void {
    if (!this.#context.links.has(from)) return;
    this.#context.emit({ type: 'datagram', device: from, datagram: { type: 'answer', nonce } });
  }

  #checkLinks(now: number): void {
    for (const [device, link] of [...this.#context.links]) {
      const liveness = link.checkLiveness(now, this.#context.options.random);
      if (liveness.verdict === 'probe') {
        this.#context.emit({ type: 'datagram', device, datagram: { type: 'probe', nonce: liveness.nonce } });
      } else if (liveness.verdict === 'dead') {
        this.#context.emit({ type: 'close-session', device, reason: 'it does not answer' });
        this.#sessionClosed(device, now);
      }
    }
  }

  #planWake(now: number): void {
    const deadlines = Array.from(this.#context.links.values(), ({ checkAt }) => checkAt);
    if (deadlines.length > 0) deadlines.push(this.#heads.nextIdleRoundAt);
    const at = Math.min(...deadlines, this.#dialling.nextDeadline(now));
    if (at === this.#wakeAt || at === Number.POSITIVE_INFINITY) return;
    this.#wakeAt = at;
    this.#context.emit({ type: 'wake', at });
  }

  #viewOf(device: DeviceId): PeerView {
    const record = this.#context.members.get(device)?.record;
    const link = this.#context.links.get(device);
    const contact = this.#dialling.contact(device);
    const head = this.#heads.get(device);
    const address = link?.address ?? contact?.nextAddress();
    return {
      device,
      state: stateOf(link, contact),
      frozen: this.#heads.isFrozen(device),
      ...(record === undefined ? {} : { name: record.name, role: record.role }),
      ...(address === undefined ? {} : { address }),
      ...(link === undefined ? {} : { lastHeardAt: link.lastHeardAt }),
      ...(head === undefined ? {} : { head }),
    };
  }
}

function stateOf(link: Link | undefined, contact: Contact | undefined): PeerView['state'] {
  if (link !== undefined) return 'connected';
  if (contact === undefined || contact.addressCount === 0) return 'no-address';
  return contact.dialling === undefined ? 'waiting' : 'dialling';
}
