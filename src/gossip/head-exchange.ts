/**
 * The spread of heads: what is done with a head that comes in, and who is told of it.
 *
 * Invariants
 * - A session starts with all heads. A new one goes at once to every connected member that is not known to have it: by
 *   datagram, which is quick and may be lost, and on the session, which waits behind chunks and is sure.
 * - No head is answered: two devices cannot keep each other busy.
 */
import assert from 'node:assert';
import type { DeviceId, SignedHead } from '../trust/index.js';
import { datagramOfHeads, sendHeads } from './announcement.js';
import type { GossipContext } from './context.js';
import { headsPerDatagramMax } from './datagram.js';
import type { GossipEvent } from './event.js';
import { HeadTable } from './head-table.js';
import type { Link } from './link.js';
import { OwnHead } from './own-head.js';

/** Between two rounds in which a few peers are shown a few heads, for what datagrams and luck have lost. */
export const idleRoundMs = 5_000;
const idlePeersMax = 3;
/** Devices without a record that were reported; beyond that the oldest may be reported again. */
const strangersReportedMax = 64;

type HeadsEvent = Extract<GossipEvent, { type: 'heads' }>;

export class HeadExchange {
  readonly #context: GossipContext;
  readonly #heads = new HeadTable();
  readonly #own: OwnHead;
  readonly #strangersReported = new Set<DeviceId>();
  /** Heads taken up in this step, to be told to others at its end. */
  #fresh: SignedHead[] = [];
  #nextIdleRoundAt: number;

  constructor(context: GossipContext, now: number) {
    this.#context = context;
    this.#nextIdleRoundAt = now + idleRoundMs;
    const { heads, self } = context.options;
    this.#own = new OwnHead(heads.find(({ head }) => head.device === self));
    for (const head of heads) {
      const { device } = head.head;
      if (device !== self && context.members.mayRead(device)) this.#heads.accept(head);
    }
  }

  get nextIdleRoundAt(): number {
    return this.#nextIdleRoundAt;
  }

  /** The newest heads, the own first. */
  all(): SignedHead[] {
    const own = this.#own.current;
    return own === undefined ? this.#heads.all() : [own, ...this.#heads.all()];
  }

  /** Of another device. */
  get(device: DeviceId): SignedHead | undefined {
    return this.#heads.get(device);
  }

  isFrozen(device: DeviceId): boolean {
    return this.#heads.evidence(device) !== undefined;
  }

  forget(device: DeviceId): void {
    this.#heads.forget(device);
  }

  advanceOwn(head: SignedHead): void {
    assert(head.head.device === this.#context.self, 'the own head is of this device');
    if (this.#own.advance(head)) this.#fresh.push(head);
  }

  take(event: HeadsEvent): void {
    if (!this.#context.members.mayRead(event.from)) return;
    for (const head of event.heads) this.#takeOne(head, event);
  }

  /** All heads and the proofs of equivocation, for a session that has just opened. */
  introduceTo(link: Link): void {
    const heads = [...this.all(), ...this.#heads.allEvidence()];
    for (const head of heads) link.noteShown(head);
    this.#context.emit(...sendHeads(link.device, heads));
  }

  /** Ends a step: tells of what has come up in it. */
  announceFresh(): void {
    // One message can hold several heads of one device: only the newest is worth telling.
    const fresh = this.#fresh.filter((head) => this.#isCurrent(head));
    this.#fresh = [];
    if (fresh.length === 0) return;
    for (const link of this.#context.memberLinks()) {
      if (!link.introduced) continue;
      const lacking = fresh.filter((head) => link.lacks(head));
      for (const head of lacking) link.noteShown(head);
      // A whole vector of heads is no news that hurries.
      if (lacking.length <= headsPerDatagramMax) this.#context.emit(...datagramOfHeads(link.device, lacking));
      this.#context.emit(...sendHeads(link.device, lacking));
    }
  }

  /** Now and then shows some heads to some peers. */
  showWhenIdle(now: number): void {
    if (now < this.#nextIdleRoundAt) return;
    this.#nextIdleRoundAt = now + idleRoundMs;
    const own = this.#own.current === undefined ? [] : [this.#own.current];
    for (const link of this.#context.choose(this.#context.memberLinks(), idlePeersMax)) {
      const others = this.#heads.all().filter(({ head }) => head.device !== link.device);
      const chosen = this.#context.choose(others, headsPerDatagramMax - own.length);
      this.#context.emit(...datagramOfHeads(link.device, [...own, ...chosen]));
    }
  }

  #takeOne(head: SignedHead, { from, via }: HeadsEvent): void {
    const { device, share } = head.head;
    if (share !== this.#context.options.share) return;
    this.#context.links.get(from)?.noteShown(head);
    if (device === this.#context.self) {
      this.#takeOfSelf(head);
    } else if (this.#context.members.mayRead(device)) {
      this.#takeOfMember(head);
    } else if (via === 'session' && this.#context.members.role(device) === undefined) {
      // On a session the record comes first; a datagram may be faster than the record that makes a member.
      this.#reportStranger(device);
    }
  }

  #takeOfMember(head: SignedHead): void {
    const { device } = head.head;
    switch (this.#heads.accept(head)) {
      case 'advanced':
        this.#context.emit({ type: 'store-head', head }, { type: 'head-advanced', head });
        this.#fresh.push(head);
        break;
      case 'equivocation':
        this.#context.report('equivocation', 'This device signed two heads under one sequence.', { device });
        this.#sendEvidence(device);
        break;
      case 'former-actor':
        this.#context.report('equivocation', 'This device goes on from an old copy of its state.', {
          device,
        });
        break;
      // Whoever shows an old head has been sent the newer one: with the vector of its session, or when it was news.
      case 'older':
      case 'same':
      case 'rejected':
        break;
    }
  }

  #takeOfSelf(head: SignedHead): void {
    if (this.#own.showsFutureState(head)) {
      const text = 'Peers hold a later head of this device than this device does.';
      this.#context.report('future-state', text, { device: this.#context.self, head });
    }
  }

  #isCurrent(head: SignedHead): boolean {
    return head === this.#own.current || head === this.#heads.get(head.head.device);
  }

  #sendEvidence(device: DeviceId): void {
    const both = [this.#heads.get(device), this.#heads.evidence(device)].filter((head) => head !== undefined);
    for (const link of this.#context.memberLinks()) this.#context.emit(...sendHeads(link.device, both));
  }

  #reportStranger(device: DeviceId): void {
    if (this.#strangersReported.has(device)) return;
    this.#strangersReported.add(device);
    const [oldest] = this.#strangersReported;
    if (this.#strangersReported.size > strangersReportedMax && oldest !== undefined)
      this.#strangersReported.delete(oldest);
    this.#context.report('unknown-device', 'A peer relays heads of a device that is no member.', { device });
  }
}
