/**
 * The gossip simulator: several devices, one thread, virtual time. It runs the production state machine and the real
 * codecs over a network that loses, repeats, delays and reorders datagrams, cuts itself in parts, and lets sessions
 * die without a word. Everything follows from the seed: `traceHash` is equal for equal seeds.
 *
 * Reliable messages keep their order; into a partition they wait, and after `sessionTimeoutMs` their session is gone
 * for the sender alone: the other side has to notice by itself.
 */
import { createHash } from 'node:crypto';
import { type Datagram, decodeDatagram, encodeDatagram, type GossipMessage } from '../../src/gossip/index.js';
import { decodeMessage, encodeMessage } from '../../src/transfer/index.js';
import {
  type DeviceId,
  decodeHead,
  decodeMemberRecord,
  type SignedHead,
  type SignedMemberRecord,
} from '../../src/trust/index.js';
import { castMember, recordOf, share } from './cast.js';
import { type Random, seededRandom } from './seeded-random.js';
import { SimulatedDevice } from './simulated-device.js';
import { VirtualTime } from './virtual-time.js';

export const listenPort = 22001;
const dialTimeoutMs = 5_000;
const sessionTimeoutMs = 13_000;
const sideBySideMs = 5_000;
const retryMs = 500;

export interface SimulatorOptions {
  readonly seed: number;
  readonly deviceCount: number;
  /** Chance of a datagram to be lost, and to come twice. */
  readonly lossChance: number;
  readonly duplicateChance: number;
  /** For the device of this index: of whom it knows the address at first. */
  readonly knows: (index: number) => number | undefined;
  /** Which records a device starts with; all by default. */
  readonly records?: (index: number) => readonly number[];
}

export interface SimulatedSession {
  readonly initiator: DeviceId;
  readonly openedAt: number;
  readonly queues: Map<
    DeviceId,
    { frames: Uint8Array[]; pumping: boolean; blockedSince: number | undefined }
  >;
}

export class Simulator {
  readonly time = new VirtualTime(1_700_000_000_000);
  readonly random: Random;
  readonly devices: SimulatedDevice[];
  readonly #options: SimulatorOptions;
  readonly #hash = createHash('sha256');
  /** The part of the network each device is in. */
  readonly #parts = new Map<DeviceId, number>();
  readonly #decodedHeads = new Map<string, SignedHead>();
  readonly #decodedRecords = new Map<string, SignedMemberRecord>();
  #actors = 1;
  #contents = 0;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    const cast = Array.from({ length: options.deviceCount }, (_, index) => castMember(index));
    const records = cast.map((member) => recordOf(member));
    this.devices = cast.map((member, index) => {
      const known = options.knows(index);
      const indices = options.records?.(index) ?? records.keys();
      return new SimulatedDevice(this, {
        member,
        address: addressOf(index),
        initialAddress: known === undefined ? undefined : addressOf(known),
        records: [...indices].map((other) => records[other]).filter((record) => record !== undefined),
      });
    });
  }

  get traceHash(): string {
    return this.#hash.copy().digest('hex');
  }

  trace(device: SimulatedDevice, kind: string, what: object): void {
    const text = JSON.stringify(what, (_key, value) =>
      value instanceof Uint8Array ? Buffer.from(value.subarray(-8)).toString('hex') : value,
    );
    this.#hash.update(`${this.time.now} ${device.member.name} ${kind} ${text}\n`);
  }

  newActor(): number {
    return ++this.#actors;
  }

  newContent(): number {
    return ++this.#contents;
  }

  start(): void {
    for (const device of this.devices) device.start();
  }

  /** Cuts the network: only devices of one part reach each other. @param partOf - by index */
  partition(partOf: (index: number) => number): void {
    for (const [index, { device }] of this.devices.entries()) this.#parts.set(device, partOf(index));
  }

  heal(): void {
    this.#parts.clear();
  }

  /** Whether all that run have sessions with each other, of which both sides know. */
  get allConnected(): boolean {
    const running = this.devices.filter(({ gossip }) => gossip !== undefined);
    return running.every((one) =>
      running.every((other) => {
        if (one === other) return true;
        const session = one.sessions.get(other.device);
        const view = one.gossip?.peers().find(({ device }) => device === other.device);
        return (
          session !== undefined && session === other.sessions.get(one.device) && view?.state === 'connected'
        );
      }),
    );
  }

  /** What each device that runs holds as everybody's newest head, in one text for each. */
  headVectors(): string[] {
    const running = this.devices.filter(({ gossip }) => gossip !== undefined);
    return running.map(({ gossip }) =>
      (gossip?.heads() ?? [])
        .map(({ head }) => `${head.device.slice(0, 8)} ${head.actor} ${head.sequence} ${head.root}`)
        .sort()
        .join('\n'),
    );
  }

  dial(dialler: SimulatedDevice, address: string, expected: DeviceId | undefined): void {
    const { life } = dialler;
    const fail = (delayMs: number, reason: string, device?: DeviceId): void =>
      this.time.after(delayMs, () => {
        if (dialler.life !== life) return;
        dialler.dialling.delete(address);
        dialler.handle({ type: 'dial-failed', address, reason, ...(device === undefined ? {} : { device }) });
      });
    this.time.after(this.#latency(), () => {
      const target = this.devices.find((device) => device.address === address);
      if (target?.gossip === undefined || dialler.gossip === undefined || !this.#reach(dialler, target))
        return fail(dialTimeoutMs, 'unreachable');
      if (target === dialler) return fail(0, 'it is this device', dialler.device);
      const knowsDialler = target.gossip.role(dialler.device) !== undefined;
      if ((expected !== undefined && expected !== target.device) || !knowsDialler) return fail(0, 'refused');
      if (this.#keepsExisting(dialler, target)) return fail(0, 'another session is open', target.device);
      this.time.after(0, () => {
        if (dialler.life === life) this.#open(dialler, target, address);
      });
    });
  }

  send(from: SimulatedDevice, to: DeviceId, message: GossipMessage): void {
    const session = from.sessions.get(to);
    const queue = session?.queues.get(from.device);
    if (session === undefined || queue === undefined) return;
    queue.frames.push(encodeMessage(message));
    if (!queue.pumping) this.#pump(session, from, to);
  }

  sendDatagram(from: SimulatedDevice, to: DeviceId, datagram: Datagram): void {
    const session = from.sessions.get(to);
    const receiver = this.#find(to);
    if (session === undefined || receiver === undefined) return;
    const bytes = encodeDatagram(datagram);
    const copies = this.random() < this.#options.duplicateChance ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.random() < this.#options.lossChance) continue;
      this.time.after(this.#latency() * (1 + 10 * this.random()), () => {
        if (receiver.sessions.get(from.device) !== session || !this.#reach(from, receiver)) return;
        this.#deliverDatagram(receiver, from.device, decodeDatagram(bytes));
      });
    }
  }

  close(closer: SimulatedDevice, device: DeviceId): void {
    const session = closer.sessions.get(device);
    const other = this.#find(device);
    if (session === undefined || other === undefined) return;
    closer.sessions.delete(device);
    this.time.after(this.#latency(), () => {
      if (other.sessions.get(closer.device) !== session || !this.#reach(closer, other)) return;
      other.sessions.delete(closer.device);
      other.handle({ type: 'session-closed', device: closer.device });
    });
  }

  /** Of two sessions dialled side by side the one of the lower id stays. */
  #keepsExisting(dialler: SimulatedDevice, target: SimulatedDevice): boolean {
    const existing = dialler.sessions.get(target.device);
    if (existing === undefined || existing !== target.sessions.get(dialler.device)) return false;
    if (this.time.now - existing.openedAt > sideBySideMs) return false;
    return existing.initiator === target.device && target.device < dialler.device;
  }

  #open(dialler: SimulatedDevice, target: SimulatedDevice, address: string): void {
    const queue = () => ({ frames: [], pumping: false, blockedSince: undefined });
    const session: SimulatedSession = {
      initiator: dialler.device,
      openedAt: this.time.now,
      queues: new Map([dialler.device, target.device].map((device) => [device, queue()])),
    };
    dialler.dialling.delete(address);
    dialler.sessions.set(target.device, session);
    target.sessions.set(dialler.device, session);
    const seen = dialler.address.replace(/:.*/, ':40000');
    dialler.handle({ type: 'session-opened', device: target.device, address, initiator: true, listenPort });
    target.handle({
      type: 'session-opened',
      device: dialler.device,
      address: seen,
      initiator: false,
      listenPort,
    });
  }

  /** Carries the frames of one direction of a session, one after the other. */
  #pump(session: SimulatedSession, from: SimulatedDevice, to: DeviceId): void {
    const queue = session.queues.get(from.device);
    if (queue === undefined) return;
    queue.pumping = queue.frames.length > 0;
    if (!queue.pumping) return;
    this.time.after(queue.blockedSince === undefined ? this.#latency() : retryMs, () => {
      const receiver = this.#find(to);
      if (from.sessions.get(to) !== session || receiver === undefined) return;
      if (receiver.gossip !== undefined && this.#reach(from, receiver)) {
        queue.blockedSince = undefined;
        const frame = queue.frames.shift();
        if (frame !== undefined && receiver.sessions.get(from.device) === session)
          this.#deliver(receiver, from.device, frame);
      } else {
        queue.blockedSince ??= this.time.now;
        if (this.time.now - queue.blockedSince >= sessionTimeoutMs) {
          from.sessions.delete(to);
          from.handle({ type: 'session-closed', device: to });
          return;
        }
      }
      this.#pump(session, from, to);
    });
  }

  #deliver(receiver: SimulatedDevice, from: DeviceId, frame: Uint8Array): void {
    const message = decodeMessage(frame);
    if (message.type === 'heads')
      receiver.handle({ type: 'heads', heads: message.heads.map(this.#head), from, via: 'session' });
    else if (message.type === 'members')
      receiver.handle({ type: 'member-records', records: message.records.map(this.#record), from });
    else if (message.type === 'addresses') receiver.handle({ type: 'addresses', list: message.list, from });
  }

  #deliverDatagram(receiver: SimulatedDevice, from: DeviceId, datagram: Datagram): void {
    if (datagram.type === 'heads')
      receiver.handle({ type: 'heads', heads: datagram.heads.map(this.#head), from, via: 'datagram' });
    else receiver.handle({ type: datagram.type, from, nonce: datagram.nonce });
  }

  #head = (bytes: Uint8Array): SignedHead =>
    remember(this.#decodedHeads, bytes, () => decodeHead(share, bytes));
  #record = (bytes: Uint8Array): SignedMemberRecord =>
    remember(this.#decodedRecords, bytes, () => decodeMemberRecord(share, bytes));

  #reach(a: SimulatedDevice, b: SimulatedDevice): boolean {
    return this.#parts.get(a.device) === this.#parts.get(b.device);
  }

  #find(device: DeviceId): SimulatedDevice | undefined {
    return this.devices.find((candidate) => candidate.device === device);
  }

  /** Milliseconds one way. */
  #latency(): number {
    return 1 + Math.floor(this.random() * 40);
  }
}

export function addressOf(index: number): string {
  return `10.0.0.${index + 1}:${listenPort}`;
}

/** Checking a signature takes longer than all else here, so each head is checked once. */
function remember<Value>(known: Map<string, Value>, bytes: Uint8Array, decode: () => Value): Value {
  const key = Buffer.from(bytes).toString('hex');
  const value = known.get(key) ?? decode();
  known.set(key, value);
  return value;
}
