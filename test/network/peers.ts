/** Endpoints on 127.0.0.1 and what they experience, as values that a test can await. No test sleeps. */
import { EventEmitter, once } from 'node:events';
import { afterEach } from 'vitest';
import { Endpoint, type EndpointOptions, type Session } from '../../src/network/index.js';
import {
  type DeviceId,
  deviceIdFromBytes,
  generateKeyPair,
  type KeyPair,
  type ShareId,
  shareIdFromBytes,
} from '../../src/trust/index.js';

export const newShare = (): ShareId => shareIdFromBytes(generateKeyPair().publicKey);

/** A started session that keeps what arrives. */
export class Line {
  readonly session: Session;
  readonly frames: Uint8Array[] = [];
  readonly datagrams: Uint8Array[] = [];
  readonly closes: string[] = [];
  readonly #events = new EventEmitter();

  constructor(session: Session) {
    this.session = session;
    session.start({
      onFrame: (frame) => this.#note(this.frames, frame),
      onDatagram: (plain) => this.#note(this.datagrams, plain),
      onClose: (reason) => this.#note(this.closes, reason),
    });
  }

  #note<T>(list: T[], item: T): void {
    list.push(item);
    this.#events.emit('change');
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this.#events, 'change');
  }

  /** The reason, once the session has ended. */
  async closed(): Promise<string> {
    await this.until(() => this.closes.length > 0);
    return this.closes[0] ?? '';
  }

  async frame(count = 1): Promise<Uint8Array> {
    await this.until(() => this.frames.length >= count);
    return this.frames[count - 1] ?? new Uint8Array();
  }
}

export class Peer {
  readonly endpoint: Endpoint;
  readonly device: DeviceId;
  readonly accepted: Line[];
  readonly reports: string[];
  readonly #events: EventEmitter;

  constructor(
    endpoint: Endpoint,
    device: DeviceId,
    log: { accepted: Line[]; reports: string[]; events: EventEmitter },
  ) {
    this.endpoint = endpoint;
    this.device = device;
    this.accepted = log.accepted;
    this.reports = log.reports;
    this.#events = log.events;
  }

  get address(): string {
    return `127.0.0.1:${this.endpoint.address.port}`;
  }

  async dial(address: string, options: { expect?: DeviceId } = {}): Promise<Line> {
    return new Line(await this.endpoint.dial(address, options));
  }

  /** The session that came in as number `count`, from 1. */
  async session(count = 1): Promise<Line> {
    while (this.accepted.length < count) await once(this.#events, 'change');
    const line = this.accepted[count - 1];
    if (line === undefined) throw new Error('no session');
    return line;
  }

  async report(count = 1): Promise<string> {
    while (this.reports.length < count) await once(this.#events, 'change');
    return this.reports[count - 1] ?? '';
  }
}

const open: Endpoint[] = [];
const openAround: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((endpoint) => endpoint.close()));
  await Promise.all(openAround.splice(0).map((close) => close()));
});

/** Closes what stands around the endpoints, after them, so that they end as in real life. */
export function closeAfterwards(close: () => Promise<void>): void {
  openAround.push(close);
}

type PeerOptions = Partial<EndpointOptions> & { readonly share: ShareId };

/** An endpoint that lets everybody in unless told otherwise, closed after the test. */
export async function openPeer(options: PeerOptions, device: KeyPair = generateKeyPair()): Promise<Peer> {
  const log = { accepted: [] as Line[], reports: [] as string[], events: new EventEmitter() };
  const endpoint = await Endpoint.open({
    device,
    host: '127.0.0.1',
    port: 0,
    authorise: () => 'member',
    onSession: (session) => {
      log.accepted.push(new Line(session));
      log.events.emit('change');
    },
    onReport: (text) => {
      log.reports.push(text);
      log.events.emit('change');
    },
    ...options,
  });
  open.push(endpoint);
  return new Peer(endpoint, deviceIdFromBytes(device.publicKey), log);
}

/** Two peers of one share with a session between them. */
export async function openPair(
  options: {
    readonly dialler?: Partial<EndpointOptions>;
    readonly responder?: Partial<EndpointOptions>;
  } = {},
): Promise<{ dialler: Peer; responder: Peer; near: Line; far: Line }> {
  const share = newShare();
  const dialler = await openPeer({ share, ...options.dialler });
  const responder = await openPeer({ share, ...options.responder });
  const near = await dialler.dial(responder.address);
  return { dialler, responder, near, far: await responder.session() };
}
