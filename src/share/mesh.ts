/**
 * Mesh: this device among the others. It carries out what the gossip machine decides, keeps one session for each
 * device, hands wants to the servers and chunks to the fetcher, and lets guests in who bring a ticket.
 */
import type { ChunkId } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import {
  type Datagram,
  encodeDatagram,
  Gossip,
  type GossipEffect,
  type GossipEvent,
  type PeerView,
} from '../gossip/index.js';
import type { Endpoint, Session } from '../network/index.js';
import type { Message } from '../transfer/index.js';
import {
  type DeviceId,
  decodeHead,
  decodeMemberRecord,
  deviceNameLengthMax,
  type Role,
  type SignedHead,
  type SignedMemberRecord,
} from '../trust/index.js';
import { admitGuest } from './admission.js';
import { Fetcher } from './fetcher.js';
import { readKnown } from './known-members.js';
import type { MeshOptions } from './mesh-options.js';
import { Pacer } from './pacer.js';
import { type Hello, PeerLink } from './peer-link.js';

/** Two sessions of one device that opened within this time were dialled side by side; otherwise the newer one is the live one. */
const sideBySideMs = 5000;
/** How often the pull planner is told that time has passed. */
const fetchTickMs = 1000;
const heardEveryMs = 1000;
/** To a member that asks a quiet mesh: not now. It asks again when there is a new session. */
const nothingToServe = { getEncoded: () => Promise.resolve(undefined) };

export class Mesh {
  readonly fetcher: Fetcher;
  readonly #options: MeshOptions;
  readonly #gossip: Gossip;
  readonly #links = new Map<DeviceId, PeerLink>();
  readonly #names = new Map<DeviceId, string>();
  /** Devices that told their own head in this run. */
  readonly #fresh = new Set<DeviceId>();
  readonly #heardAt = new Map<DeviceId, number>();
  readonly #closing = new AbortController();
  /** Of what is served, to all peers together. */
  readonly #upPacer: Pacer;
  #endpoint: Endpoint | undefined;
  #fetchTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #payloadOut = 0;

  private constructor(options: MeshOptions, gossip: Gossip) {
    this.#options = options;
    this.#gossip = gossip;
    const { now, limitUp, limitDown } = options;
    this.#upPacer = new Pacer({ bytesPerSecond: limitUp, now });
    this.fetcher = new Fetcher({
      chunks: options.replica.store.chunks,
      now,
      pacer: new Pacer({ bytesPerSecond: limitDown, now }),
      send: (device, message) => this.#send(device, message),
      onBadSource: (device, reason) => this.#drop(device, reason),
    });
  }

  /** A mesh that listens. @throws ShoalError IO when its port cannot be opened */
  static async open(options: MeshOptions): Promise<Mesh> {
    const mesh = await Mesh.prepare(options);
    await mesh.listen();
    return mesh;
  }

  /** A mesh that knows the members and has no port yet: before anything else it must `listen`. */
  static async prepare(options: MeshOptions): Promise<Mesh> {
    const { replica, random, now } = options;
    const known = await readKnown(replica);
    const self = { share: replica.share, self: replica.device };
    return new Mesh(options, new Gossip({ ...self, random, ...known }, now()));
  }

  async listen(): Promise<void> {
    const { replica, host, port, portTries, events } = this.#options;
    const { Endpoint } = await import('../network/index.js'); // only those who need it load it: it takes as long as all the rest
    this.#endpoint = await Endpoint.open({
      share: replica.share,
      device: replica.secrets.device,
      host,
      port,
      portTries,
      authorise: (device) => this.#authorise(device),
      onSession: (session) => this.#take(session),
      onReport: (text) => events.onReport(text),
    });
  }

  /** Begins to dial; before this the mesh only answers. @param head - of this device; none in a quiet mesh */
  start(head?: SignedHead): void {
    this.#fetchTimer = setInterval(() => this.fetcher.tick(), fetchTickMs);
    this.#fetchTimer.unref();
    if (head !== undefined) this.#handle({ type: 'own-head', head });
    for (const address of this.#options.peers) this.#handle({ type: 'address-added', address });
    this.#handle({ type: 'tick' });
  }

  get address(): { host: string; port: number } {
    return this.#opened.address;
  }

  get traffic(): { bytesIn: number; bytesOut: number; payloadIn: number; payloadOut: number } {
    let payloadOut = this.#payloadOut;
    for (const link of this.#links.values()) payloadOut += link.payloadOut;
    return {
      bytesIn: this.#opened.bytesIn,
      bytesOut: this.#opened.bytesOut,
      payloadIn: this.fetcher.payloadIn,
      payloadOut,
    };
  }

  /** The other members, revoked ones left out. */
  get peers(): PeerView[] {
    return this.#gossip.peers().filter(({ role }) => role === 'rw' || role === 'ro');
  }

  role(device: DeviceId): Role | undefined {
    return this.#gossip.role(device);
  }

  /** Bytes of chunks that were handed to the session with `device`. */
  payloadOutTo(device: DeviceId): number {
    return this.#links.get(device)?.payloadOut ?? 0;
  }

  session(device: DeviceId): Session | undefined {
    return this.#links.get(device)?.session;
  }

  nameOf(device: DeviceId): string {
    return (
      this.#names.get(device) ??
      this.#gossip.members().find(({ record }) => record.device === device)?.record.name ??
      device.slice(0, 8)
    );
  }

  heads(): SignedHead[] {
    return this.#gossip.heads();
  }

  /** Whether the newest head of `device` names `root`. */
  isAt(device: DeviceId, root: ChunkId): boolean {
    return this.heads().some(({ head }) => head.device === device && head.root === root);
  }

  /** Whether `device` itself told us its head since the mesh opened. */
  hasFreshHead(device: DeviceId): boolean {
    return this.#fresh.has(device);
  }

  announce(head: SignedHead): void {
    this.#handle({ type: 'own-head', head });
  }

  addPeer(address: string): void {
    this.#handle({ type: 'address-added', address });
  }

  addMembers(records: SignedMemberRecord[]): void {
    this.#handle({ type: 'member-records', records });
  }

  /** Takes in member records that were stored by others than the mesh. */
  async reloadMembers(): Promise<void> {
    const { members, addresses } = await readKnown(this.#options.replica);
    this.addMembers(members);
    for (const { address, device } of addresses) this.#handle({ type: 'address-added', address, device });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    clearInterval(this.#fetchTimer);
    this.fetcher.close();
    this.#upPacer.close();
    for (const { session } of this.#links.values()) session.close('this device is closing the share');
    await this.#endpoint?.close();
  }

  get #opened(): Endpoint {
    if (this.#endpoint === undefined) throw new ShoalError('CANCELLED', 'The network is not open.');
    return this.#endpoint;
  }

  #authorise(device: DeviceId): 'member' | 'guest' | 'refuse' {
    const role = this.#gossip.role(device);
    if (role === 'revoked') return 'refuse';
    if (role !== undefined) return 'member';
    // Only the device that can write member records has something to say to a stranger.
    return this.#options.replica.secrets.share === undefined ? 'refuse' : 'guest';
  }

  #take(session: Session, dialled?: string): void {
    if (session.device === this.#options.replica.device) {
      this.#giveUp(session, 'this device dialled itself', dialled);
      return;
    }
    if (session.standing === 'guest' && dialled !== undefined) {
      this.#giveUp(session, 'the device there is no member', dialled);
      return;
    }
    if (session.standing === 'guest') {
      admitGuest(session, this.#options.replica, {
        now: this.#options.now,
        members: () => this.#gossip.members(),
        onAdmitted: (record) => this.addMembers([record]),
        onReport: (text) => this.#options.events.onReport(text, session.device),
        onError: (error) => this.#options.events.onError(error),
      });
      return;
    }
    const existing = this.#links.get(session.device);
    if (existing !== undefined && this.#keepsExisting(existing, session)) {
      this.#giveUp(session, 'another session of this device is open', dialled);
      return;
    }
    if (existing !== undefined) this.#unlink(existing, 'a newer session replaced it');
    this.#link(session, dialled ?? session.address);
  }

  #giveUp(session: Session, reason: string, dialled: string | undefined): void {
    session.start({ onFrame: () => undefined, onDatagram: () => undefined, onClose: () => undefined });
    session.close(reason);
    if (dialled !== undefined)
      this.#handle({ type: 'dial-failed', address: dialled, reason, device: session.device });
  }

  #keepsExisting(existing: PeerLink, session: Session): boolean {
    if (existing.session.initiator === session.initiator) return false;
    if (this.#options.now() - existing.openedAt > sideBySideMs) return false;
    const lowerDials = this.#options.replica.device < session.device;
    return existing.session.initiator === lowerDials;
  }

  /** @param address - as dialled, or as seen if the peer dialled */
  #link(session: Session, address: string): void {
    const { replica, events, name, now } = this.#options;
    const link = new PeerLink({
      session,
      address,
      openedAt: now(),
      chunks: this.#options.isQuiet === true ? nothingToServe : replica.store.chunks,
      pacer: this.#upPacer,
      hello: {
        type: 'hello',
        protocol: 1,
        name: name.slice(0, deviceNameLengthMax),
        port: this.#opened.address.port,
      },
      handlers: {
        onHello: (from, hello) => this.#onHello(from, hello),
        onMessage: (from, message) => this.#onMessage(from, message),
        onDatagram: (from, datagram) => this.#onDatagram(from, datagram),
        onInvalid: (from, text) => events.onReport(`${this.nameOf(from.device)} sent ${text}`, from.device),
        onClose: (from, reason) => this.#unlink(from, reason),
        onError: (error) => events.onError(error),
      },
    });
    this.#links.set(session.device, link);
    link.start();
  }

  #unlink(link: PeerLink, reason: string): void {
    const { device, address } = link;
    this.#links.delete(device);
    this.#payloadOut += link.payloadOut;
    link.close(reason);
    if (!link.isGreeted) {
      if (link.session.initiator) this.#handle({ type: 'dial-failed', address, reason, device });
      return;
    }
    this.fetcher.sourceDown(device);
    this.#handle({ type: 'session-closed', device });
    this.#options.events.onPeer(device, 'disconnected', reason);
  }

  #onHello({ device, address, session }: PeerLink, hello: Hello): void {
    this.#names.set(device, hello.name);
    this.fetcher.sourceUp(device);
    this.#handle({
      type: 'session-opened',
      device,
      address,
      initiator: session.initiator,
      listenPort: hello.port,
    });
    this.#options.events.onPeer(device, 'connected', address);
  }

  #onMessage({ device }: PeerLink, message: Message): void {
    switch (message.type) {
      case 'heads': {
        const heads = this.#decodeHeads(message.heads);
        if (heads.some(({ head }) => head.device === device)) this.#fresh.add(device);
        this.#handle({ type: 'heads', heads, from: device, via: 'session' });
        // The head may be the known one: whoever waits for a fresh one is told all the same.
        this.#options.events.onFresh(device);
        return;
      }
      case 'members': {
        const records = message.records.map((bytes) =>
          decodeMemberRecord(this.#options.replica.share, bytes),
        );
        this.#handle({ type: 'member-records', records, from: device });
        return;
      }
      case 'addresses':
        this.#handle({ type: 'addresses', list: message.list, from: device });
        return;
      case 'chunk':
        this.#heard(device);
        this.fetcher
          .onChunk(device, message.id, message.chunk)
          .catch((error: unknown) => this.#options.events.onError(error));
        return;
      case 'absent':
        this.fetcher.onAbsent(device, message.ids);
        return;
      case 'pong':
        this.#heard(device);
        this.fetcher.sourceBusy(device);
        return;
      case 'refuse':
        this.#drop(device, message.text);
        return;
      default:
        throw new ShoalError('MALFORMED', `a message of type ${message.type} has no place here`);
    }
  }

  #onDatagram({ device }: PeerLink, datagram: Datagram): void {
    if (datagram.type === 'heads') {
      const heads = this.#decodeHeads(datagram.heads);
      this.#handle({ type: 'heads', heads, from: device, via: 'datagram' });
    } else this.#handle({ type: datagram.type, from: device, nonce: datagram.nonce });
  }

  #decodeHeads(heads: readonly Uint8Array[]): SignedHead[] {
    return heads.map((bytes) => decodeHead(this.#options.replica.share, bytes));
  }

  /** Chunks come by the hundred: gossip is told at most once in a while. */
  #heard(device: DeviceId): void {
    const now = this.#options.now();
    if (now - (this.#heardAt.get(device) ?? 0) < heardEveryMs) return;
    this.#heardAt.set(device, now);
    this.#handle({ type: 'heard', from: device });
  }

  #handle(event: GossipEvent): void {
    if (this.#closing.signal.aborted) return;
    for (const effect of this.#gossip.handle(event, this.#options.now())) this.#perform(effect);
  }

  #perform(effect: GossipEffect): void {
    const { events, replica } = this.#options;
    switch (effect.type) {
      case 'dial':
        this.#dial(effect.address, effect.device);
        return;
      case 'send':
        this.#send(effect.device, effect.message);
        return;
      case 'datagram':
        if (this.#isHushed(effect.datagram)) return;
        this.#links.get(effect.device)?.session.sendDatagram(encodeDatagram(effect.datagram));
        return;
      case 'close-session':
        this.#drop(effect.device, effect.reason);
        return;
      case 'store-head':
        this.#keep('head', effect.head.head.device, effect.head.bytes);
        return;
      case 'store-member':
        this.#keep('member', effect.record.record.device, effect.record.bytes);
        if (effect.record.record.device === replica.device) events.onOwnRole();
        return;
      case 'store-address':
        this.#keep('address', effect.device, Buffer.from(effect.address, 'utf8'));
        return;
      case 'head-advanced':
        if (effect.head.head.device !== replica.device) events.onHead(effect.head);
        return;
      case 'wake':
        this.#wake(effect.at);
        return;
      case 'report':
        if (effect.kind === 'future-state') events.onRolledBack(effect.head?.head.time ?? 0);
        else events.onReport(effect.text, effect.device);
        return;
    }
  }

  #wake(at: number): void {
    clearTimeout(this.#timer);
    const delayMs = Math.max(0, at - this.#options.now());
    this.#timer = setTimeout(() => this.#handle({ type: 'tick' }), delayMs);
  }

  #dial(address: string, device: DeviceId | undefined): void {
    this.#opened
      .dial(address, { ...(device === undefined ? {} : { expect: device }), signal: this.#closing.signal })
      .then((session) => this.#take(session, address))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        if (error instanceof ShoalError && error.code === 'REFUSED')
          this.#options.events.onReport(reason, device);
        this.#handle({ type: 'dial-failed', address, reason });
      });
  }

  #send(device: DeviceId, message: Message): void {
    if (this.#isHushed(message)) return;
    this.#links.get(device)?.send(message);
  }

  #isHushed({ type }: Message | Datagram): boolean {
    return this.#options.isQuiet === true && type === 'heads';
  }

  #drop(device: DeviceId, reason: string): void {
    const link = this.#links.get(device);
    if (link !== undefined) this.#unlink(link, reason);
  }

  #keep(kind: 'head' | 'member' | 'address', key: string, value: Uint8Array): void {
    const { replica, events } = this.#options;
    replica.store
      .commit([{ kind, key, value }], { durable: kind === 'member' })
      .then(() => (kind === 'head' ? undefined : events.onMembersKept()))
      .catch((error: unknown) => this.#options.events.onError(error));
  }
}
