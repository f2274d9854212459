/** One authenticated, encrypted connection with one device: ordered frames, and sealed datagrams that may be lost. */
import assert from 'node:assert/strict';
import { frameBytesMax } from '../transfer/index.js';
import type { DeviceId } from '../trust/index.js';
import type { Established } from './handshake.js';
import { DatagramOpener, DatagramSealer } from './sealed-datagram.js';
import type { Standing } from './verdict.js';

/** A guest that is not made a member by then is shown out. */
const guestMsMax = 60_000;

export interface SessionHandlers {
  /** Frames in order, each the taker's to keep. Throwing a ShoalError ends the session with its message. */
  readonly onFrame: (frame: Uint8Array) => void;
  /** Datagrams in any order, none twice. */
  readonly onDatagram: (plain: Uint8Array) => void;
  /** Called once, last, never from within a call to the session, also after our own `close`. */
  readonly onClose: (reason: string) => void;
}

export interface Session {
  readonly device: DeviceId;
  /** HOST:PORT as seen from here. */
  readonly address: string;
  /** Whether this side dialled. */
  readonly initiator: boolean;
  /** For the whole session: a guest, once it has joined, dials again. It may send 64 KiB in all, for a minute. */
  readonly standing: Standing;
  /** Bytes of this session in UDP payloads, repeats included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Begins delivery; called once. Frames that came earlier are delivered first. */
  start(handlers: SessionHandlers): void;
  /**
   * Sends one frame of 1 to `frameBytesMax` bytes, which must not change afterwards.
   * @returns resolves when less than 1 MiB waits to be sent
   * @throws ShoalError (rejects) UNREACHABLE when the session has ended, LIMIT for a caller that never waits
   */
  send(frame: Uint8Array): Promise<void>;
  /** Sends at most `datagramPlainBytesMax` bytes, sealed; no error when they are lost or the session has ended. */
  sendDatagram(plain: Uint8Array): void;
  /** Ends the session after what was sent has left, for a second at most. */
  close(reason: string): void;
}

export interface SessionOptions {
  readonly established: Established;
  readonly address: string;
  readonly initiator: boolean;
  readonly sendBytes: (bytes: Uint8Array) => void;
  /** The stream's own counters. */
  readonly traffic: { readonly bytesReceived: number; readonly bytesTransmitted: number };
  /** Called at once when the session ends. */
  readonly onEnd: () => void;
}

export class PeerSession implements Session {
  readonly device: DeviceId;
  readonly address: string;
  readonly initiator: boolean;
  readonly standing: Standing;
  readonly #options: SessionOptions;
  readonly #sealer: DatagramSealer;
  readonly #opener: DatagramOpener;
  #guestTimer: NodeJS.Timeout | undefined;
  #handlers: SessionHandlers | undefined;
  #datagramBytesIn = 0;
  #datagramBytesOut = 0;

  constructor(options: SessionOptions) {
    const { established } = options;
    this.#options = options;
    this.device = established.device;
    this.address = options.address;
    this.initiator = options.initiator;
    this.standing = established.standing;
    this.#sealer = new DatagramSealer(established.sendKey, established.remoteIndex);
    this.#opener = new DatagramOpener(established.receiveKey);
    if (this.standing === 'guest') {
      this.#guestTimer = setTimeout(() => this.close('the guest did not join in time'), guestMsMax);
    }
    established.channel.onClose((reason) => this.#ended(reason));
  }

  get bytesIn(): number {
    return this.#options.traffic.bytesReceived + this.#datagramBytesIn;
  }

  get bytesOut(): number {
    return this.#options.traffic.bytesTransmitted + this.#datagramBytesOut;
  }

  start(handlers: SessionHandlers): void {
    assert(this.#handlers === undefined, 'a session is started once');
    this.#handlers = handlers;
    const { channel } = this.#options.established;
    const { closeReason } = channel;
    channel.receive(handlers.onFrame);
    if (closeReason !== undefined) this.#tellClosed(handlers, closeReason);
  }

  send(frame: Uint8Array): Promise<void> {
    assert(frame.length >= 1 && frame.length <= frameBytesMax, `a frame of ${frame.length} bytes`);
    return this.#options.established.channel.write(frame);
  }

  sendDatagram(plain: Uint8Array): void {
    if (this.#options.established.channel.closeReason !== undefined) return;
    const bytes = this.#sealer.seal(plain);
    this.#datagramBytesOut += bytes.length;
    this.#options.sendBytes(bytes);
  }

  close(reason: string): void {
    this.#options.established.channel.end(reason);
  }

  /** One datagram that bears this session's index; borrowed. For the endpoint. */
  takeDatagram(bytes: Uint8Array): 'taken' | 'foreign' | 'replayed' {
    const opened = this.#opener.open(bytes);
    if (opened.kind !== 'plain') return opened.kind;
    this.#datagramBytesIn += bytes.length;
    this.#handlers?.onDatagram(opened.plain);
    return 'taken';
  }

  #ended(reason: string): void {
    clearTimeout(this.#guestTimer);
    this.#options.onEnd();
    if (this.#handlers !== undefined) this.#tellClosed(this.#handlers, reason);
  }

  #tellClosed(handlers: SessionHandlers, reason: string): void {
    queueMicrotask(() => handlers.onClose(reason));
  }
}
