/**
 * The network of one device in one share: one UDP port, the dials that go out and come in, and the sessions that
 * they become. It decides by datagram type where a datagram goes, and drops in silence, counted, whatever is not for it.
 */
import { randomInt } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { SecureContextOptions } from 'node:tls';
import { type ErrorData, isShoalError, ShoalError } from '../error.js';
import { type DeviceId, deviceIdFromBytes, dialKey, type KeyPair, type ShareId } from '../trust/index.js';
import { formatAddress, parseAddress, resolveAddress, type SocketAddress } from './address.js';
import { Cancellation } from './cancellation.js';
import { tlsIdentityOf } from './certificate.js';
import { type Answer, answerType, dialTranscript, dialType } from './dial-datagram.js';
import { Dialler } from './dialler.js';
import { handshake } from './handshake.js';
import { Responder } from './responder.js';
import { sealedIndex, sealedType } from './sealed-datagram.js';
import { PeerSession, type Session } from './session.js';
import { UdpPort, type UdxStream } from './udp-port.js';
import { type Authorise, judge, type Meeting, type Verdict } from './verdict.js';

/** A dial that nobody answers is given up after this. */
const dialMsMax = 5000;
/** TLS and the control frames must be done in this, counted from the answer. */
const handshakeMsMax = 10_000;
/** Sessions at once: five times the members of the largest share, for reconnects and guests. */
const sessionsMax = 256;
/** The port is free by then, come what may. */
const closeMsMax = 2000;

export interface EndpointOptions {
  readonly share: ShareId;
  readonly device: KeyPair;
  /** An IP address of this machine; '0.0.0.0' (default) for all of IPv4, '::' for both families. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** How many further ports are tried while the wanted one is taken; 0 by default. */
  readonly portTries?: number;
  /** What a device that has proved its key may do. Asked on both sides of every connection. */
  readonly authorise: Authorise;
  /** Takes a session that another device opened, and starts it before it waits for anything. */
  readonly onSession: (session: Session) => void;
  /** What happened to those who did not get a session; for the log. */
  readonly onReport: (text: string, data: ErrorData) => void;
  readonly dialTimeoutMs?: number;
  readonly handshakeTimeoutMs?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/** What was dropped in silence, in datagrams. */
export interface EndpointCounters {
  /** Not of Shoal, of another share, for no session, or not authentic. */
  readonly foreign: number;
  /** Authentic, and seen before. */
  readonly replayed: number;
  /** Dials over a limit, or repeated from another address. */
  readonly turnedAway: number;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #self: DeviceId;
  readonly #identity: SecureContextOptions;
  readonly #port: UdpPort;
  readonly #dialler: Dialler;
  readonly #responder: Responder;
  /** By local session index. */
  readonly #sessions = new Map<number, PeerSession>();
  /** Aborted, with the reason, when the endpoint closes. */
  readonly #closed = new AbortController();
  readonly #counters = { foreign: 0, replayed: 0, turnedAway: 0 };
  #closing: Promise<void> | undefined;

  /** @throws ShoalError IO when the port cannot be opened */
  static async open(options: EndpointOptions): Promise<Endpoint> {
    return new Endpoint(options, tlsIdentityOf(options.device));
  }

  private constructor(options: EndpointOptions, identity: SecureContextOptions) {
    this.#options = options;
    this.#self = deviceIdFromBytes(options.device.publicKey);
    this.#identity = identity;
    setMaxListeners(0, this.#closed.signal); // one listener a handshake; the gate and the dialler bound those
    this.#port = new UdpPort({
      host: options.host ?? '0.0.0.0',
      port: options.port,
      portTries: options.portTries ?? 0,
      onDatagram: (bytes, source) => this.#takeDatagram(bytes, source),
    });
    const key = dialKey(options.share);
    this.#dialler = new Dialler(this.#port, key);
    this.#responder = new Responder({
      port: this.#port,
      key,
      now: options.now ?? (() => performance.now()),
      connect: (stream, answer, source) => this.#accept(stream, answer, source),
    });
  }

  /** Where the port is bound. */
  get address(): SocketAddress {
    return this.#port.address;
  }

  /** All UDP payload bytes taken from the network. */
  get bytesIn(): number {
    return this.#port.bytesIn;
  }

  /** All UDP payload bytes handed to the network. */
  get bytesOut(): number {
    return this.#port.bytesOut;
  }

  get counters(): EndpointCounters {
    return { ...this.#counters };
  }

  /**
   * Opens a session with whoever answers at `address`; the caller starts it before it waits for anything else.
   * @param address - HOST:PORT or [IPV6]:PORT
   * @throws ShoalError USAGE (no address), UNREACHABLE (no answer, or the connection broke), REFUSED (not the
   *   expected device, or one side does not let the other in), LIMIT (too many dials), CANCELLED
   */
  async dial(address: string, options: { expect?: DeviceId; signal?: AbortSignal } = {}): Promise<Session> {
    const to = parseAddress(address);
    const dialling = new Cancellation(address, [this.#closed.signal, options.signal]);
    try {
      dialling.giveUpAfter(this.#options.dialTimeoutMs ?? dialMsMax);
      const resolved = await dialling.race(resolveAddress(to, this.#port.family));
      const answer = await this.#dialler.ask(resolved, dialling.signal);
      dialling.goOn();
      const stream = this.#port.openStream(answer.diallerStreamId, answer.responderStreamId, resolved);
      return await this.#connect(stream, answer, {
        source: resolved,
        address,
        initiator: true,
        signal: dialling.signal,
        judge: (device) => this.#judge(device, { address, expect: options.expect }),
      });
    } finally {
      dialling.dispose();
    }
  }

  /** Ends all sessions, lets what they hold leave for a second at most, and frees the port. Never fails. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort(new ShoalError('CANCELLED', 'The network of this share was closed.'));
    for (const session of this.#sessions.values()) session.close('this device closed the share');
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeMsMax);
    });
    await Promise.race([this.#port.close(), bound]);
    clearTimeout(timer);
  }

  #takeDatagram(bytes: Uint8Array, source: SocketAddress): void {
    switch (bytes[0]) {
      case dialType:
        this.#count(this.#responder.take(bytes, source));
        break;
      case answerType:
        this.#count(this.#dialler.take(bytes) ? 'taken' : 'foreign');
        break;
      case sealedType:
        this.#count(this.#takeSealed(bytes));
        break;
      default:
        this.#count('foreign');
    }
  }

  #takeSealed(bytes: Uint8Array): 'taken' | 'foreign' | 'replayed' {
    const index = sealedIndex(bytes);
    const session = index === undefined ? undefined : this.#sessions.get(index);
    return session?.takeDatagram(bytes) ?? 'foreign';
  }

  #count(outcome: 'taken' | keyof EndpointCounters): void {
    if (outcome !== 'taken') this.#counters[outcome]++;
  }

  async #accept(stream: UdxStream, answer: Answer, source: SocketAddress): Promise<void> {
    const address = formatAddress(source);
    let session: Session;
    try {
      session = await this.#connect(stream, answer, {
        source,
        address,
        initiator: false,
        signal: this.#closed.signal,
        judge: (device) => this.#judge(device, { address, full: this.#sessions.size >= sessionsMax }),
      });
    } catch (error) {
      if (!isShoalError(error)) throw error;
      if (error.code !== 'CANCELLED') this.#options.onReport(error.message, error.data);
      return;
    }
    this.#options.onSession(session);
  }

  async #connect(
    stream: UdxStream,
    answer: Answer,
    side: {
      readonly source: SocketAddress;
      readonly address: string;
      readonly initiator: boolean;
      readonly signal: AbortSignal;
      readonly judge: (device: DeviceId) => Verdict;
    },
  ): Promise<PeerSession> {
    const localIndex = this.#freeIndex();
    const established = await handshake({
      ...side,
      stream,
      localIndex,
      identity: this.#identity,
      transcript: dialTranscript(this.#options.share, answer),
      timeoutMs: this.#options.handshakeTimeoutMs ?? handshakeMsMax,
    });
    const session = new PeerSession({
      established,
      address: formatAddress(side.source),
      initiator: side.initiator,
      sendBytes: (bytes) => this.#port.send(bytes, side.source),
      traffic: stream,
      onEnd: () => this.#sessions.delete(localIndex),
    });
    if (established.channel.closeReason === undefined) this.#sessions.set(localIndex, session);
    if (this.#closing !== undefined) session.close('this device closed the share');
    return session;
  }

  #judge(device: DeviceId, meeting: Pick<Meeting, 'address' | 'expect' | 'full'>): Verdict {
    return judge(device, { ...meeting, self: this.#self, authorise: this.#options.authorise });
  }

  /** Random, so that nobody outside can guess it. */
  #freeIndex(): number {
    for (;;) {
      const index = randomInt(2 ** 32);
      if (!this.#sessions.has(index)) return index;
    }
  }
}
