/**
 * The network of one device in one share: one UDP port, the dials that go out and come in, and the sessions that
 * they become. It decides by datagram type where a datagram goes, and drops in silence, counted, whatever is not for it.
 */
import { setMaxListeners } from 'node:events';
import type { SecureContext } from 'node:tls';
import { type ErrorData, isShoalError, ShoalError } from '../error.js';
import { type DeviceId, deviceIdFromBytes, dialKey, type KeyPair, type ShareId } from '../trust/index.js';
import { formatAddress, parseAddress, resolveAddress, type SocketAddress } from './address.js';
import { Cancellation } from './cancellation.js';
import { secureContextOf } from './certificate.js';
import {
  type Answer,
  answerType,
  type Dial,
  decodeDial,
  dialTranscript,
  dialType,
  encodeAnswer,
} from './dial-datagram.js';
import { DialGate } from './dial-gate.js';
import { Dialler } from './dialler.js';
import { type Established, handshake, type Verdict } from './handshake.js';
import { sealedIndex, sealedType } from './sealed-datagram.js';
import { PeerSession, type Session } from './session.js';
import { UdpPort, type UdxStream } from './udp-port.js';

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
  readonly authorise: (device: DeviceId) => 'member' | 'guest' | 'refuse';
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
  readonly #secureContext: SecureContext;
  readonly #key: Uint8Array;
  readonly #port: UdpPort;
  readonly #dialler: Dialler;
  readonly #gate = new DialGate();
  readonly #now: () => number;
  /** By local session index. */
  readonly #sessions = new Map<number, PeerSession>();
  /** Aborted, with the reason, when the endpoint closes. */
  readonly #closed = new AbortController();
  readonly #counters = { foreign: 0, replayed: 0, turnedAway: 0 };
  #closing: Promise<void> | undefined;

  /** @throws ShoalError IO when the port cannot be opened */
  static async open(options: EndpointOptions): Promise<Endpoint> {
    return new Endpoint(options, await secureContextOf(options.device));
  }

  private constructor(options: EndpointOptions, secureContext: SecureContext) {
    this.#options = options;
    this.#self = deviceIdFromBytes(options.device.publicKey);
    this.#secureContext = secureContext;
    this.#key = dialKey(options.share);
    setMaxListeners(0, this.#closed.signal); // one listener a handshake; the gate and the dialler bound those
    this.#now = options.now ?? (() => performance.now());
    this.#port = new UdpPort({
      host: options.host ?? '0.0.0.0',
      port: options.port,
      portTries: options.portTries ?? 0,
      onDatagram: (bytes, source) => this.#takeDatagram(bytes, source),
    });
    this.#dialler = new Dialler(this.#port, this.#key);
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
        judge: (device) => this.#judgeDialled(device, { address, expect: options.expect }),
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
        this.#takeDial(bytes, source);
        break;
      case answerType:
        if (!this.#dialler.take(bytes)) this.#counters.foreign++;
        break;
      case sealedType:
        this.#takeSealed(bytes);
        break;
      default:
        this.#counters.foreign++;
    }
  }

  #takeSealed(bytes: Uint8Array): void {
    const index = sealedIndex(bytes);
    const session = index === undefined ? undefined : this.#sessions.get(index);
    const outcome = session?.takeDatagram(bytes) ?? 'foreign';
    if (outcome !== 'plain') this.#counters[outcome]++;
  }

  #takeDial(bytes: Uint8Array, source: SocketAddress): void {
    const dial = decodeDial(bytes, this.#key);
    if (dial === undefined) {
      this.#counters.foreign++;
      return;
    }
    const admission = this.#gate.admit(dial, source, this.#now());
    if (admission.kind === 'open') this.#accept(dial, source);
    else if (admission.kind === 'repeat') this.#port.send(admission.answer, source);
    else this.#counters.turnedAway++;
  }

  #accept(dial: Dial, source: SocketAddress): void {
    const answer: Answer = { ...dial, responderStreamId: this.#port.freeStreamId() };
    const stream = this.#port.openStream(answer.responderStreamId, dial.diallerStreamId, source);
    const encoded = encodeAnswer(answer, this.#key);
    this.#gate.remember(dial, source, encoded);
    this.#port.send(encoded, source);
    const address = formatAddress(source);
    this.#connect(stream, answer, {
      source,
      address,
      initiator: false,
      signal: this.#closed.signal,
      judge: (device) => this.#judgeDialler(device, address),
    })
      .finally(() => this.#gate.settle())
      .then(this.#options.onSession, (error: unknown) => this.#report(error));
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
    const established = await handshake({
      ...side,
      stream,
      secureContext: this.#secureContext,
      transcript: dialTranscript(this.#options.share, answer),
      timeoutMs: this.#options.handshakeTimeoutMs ?? handshakeMsMax,
    });
    return this.#session(established, stream, side);
  }

  #session(
    established: Established,
    stream: UdxStream,
    side: { readonly source: SocketAddress; readonly initiator: boolean },
  ): PeerSession {
    const session = new PeerSession({
      established,
      address: formatAddress(side.source),
      initiator: side.initiator,
      sendBytes: (bytes) => this.#port.send(bytes, side.source),
      traffic: stream,
      onEnd: () => this.#sessions.delete(established.localIndex),
    });
    this.#sessions.set(established.localIndex, session);
    if (this.#closing !== undefined) session.close('this device closed the share');
    return session;
  }

  #judgeDialled(device: DeviceId, dialled: { address: string; expect: DeviceId | undefined }): Verdict {
    const { address, expect } = dialled;
    if (expect !== undefined && device !== expect) {
      return refusal('another device was expected here', address, device, `not ${expect} as expected`);
    }
    return this.#judge(device, address);
  }

  #judgeDialler(device: DeviceId, address: string): Verdict {
    if (this.#sessions.size >= sessionsMax) {
      return refusal('too many devices are connected, try again later', address, device, 'one too many');
    }
    return this.#judge(device, address);
  }

  #judge(device: DeviceId, address: string): Verdict {
    if (device === this.#self) {
      return refusal('you reached yourself', address, device, 'this device itself');
    }
    const standing = this.#options.authorise(device);
    if (standing !== 'refuse') return { standing };
    return refusal(
      'your device is not a member of this share',
      address,
      device,
      'not a member of this share',
    );
  }

  #report(error: unknown): void {
    if (!isShoalError(error)) throw error;
    if (error.code !== 'CANCELLED') this.#options.onReport(error.message, error.data);
  }
}

function refusal(text: string, address: string, device: DeviceId, what: string): Verdict {
  const sentence = `${address} was turned away: it is device ${device}, ${what}.`;
  return {
    standing: 'refused',
    text,
    error: new ShoalError('REFUSED', sentence, { data: { address, device } }),
  };
}
