/**
 * From a fresh UDX stream to two devices that know each other: TLS 1.3 with a certificate on both sides, then one
 * control frame each way with the verdict. The same code runs on both ends; the dialler is the TLS client.
 *
 * Nothing of a session exists before both verdicts are in; a peer that is slow, silent, wrong or turned away costs
 * one stream for at most `timeoutMs`.
 */
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { isShoalError, ShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';
import { deviceIdOf } from './certificate.js';
import { type Accepted, bindingBytes, decodeControl, encodeControl } from './control-frame.js';
import { FrameChannel, reasonOf, strangerBytesMax } from './frame-channel.js';
import { sealKeyBytes } from './sealed-datagram.js';
import { StreamAdapter } from './stream-adapter.js';
import { applicationProtocol, startTls } from './tls-start.js';
import type { UdxStream } from './udp-port.js';
import type { Standing, Verdict } from './verdict.js';

export interface HandshakeOptions {
  readonly stream: UdxStream;
  readonly identity: SecureContextOptions;
  readonly initiator: boolean;
  /** The other side's address, for messages. */
  readonly address: string;
  /** `dialTranscript` of the dial that opened the stream. */
  readonly transcript: Uint8Array;
  /** What our side says to a device that has proved its key. */
  readonly judge: (device: DeviceId) => Verdict;
  /** Which index the other side puts on its datagrams to us. */
  readonly localIndex: number;
  readonly timeoutMs: number;
  /** Aborting ends the handshake with the signal's reason. */
  readonly signal: AbortSignal;
}

export interface Established {
  readonly channel: FrameChannel;
  readonly device: DeviceId;
  readonly standing: Standing;
  /** Which index we put on datagrams to the other side. */
  readonly remoteIndex: number;
  /** 32 bytes each. */
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

/** @throws ShoalError REFUSED by either side; UNREACHABLE when the connection dies or takes too long */
export function handshake(options: HandshakeOptions): Promise<Established> {
  return new Promise((resolve, reject) => {
    new Handshake(options, { resolve, reject }).begin();
  });
}

interface Outcome {
  readonly resolve: (established: Established) => void;
  readonly reject: (error: unknown) => void;
}

class Handshake {
  readonly #options: HandshakeOptions;
  readonly #outcome: Outcome;
  readonly #adapter: StreamAdapter;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HandshakeOptions, outcome: Outcome) {
    this.#options = options;
    this.#outcome = outcome;
    this.#adapter = new StreamAdapter(options.stream);
    this.#adapter.limitReceive(strangerBytesMax);
  }

  begin(): void {
    const { identity, initiator, signal, timeoutMs } = this.#options;
    const adapter = this.#adapter;
    this.#timer = setTimeout(() => this.#giveUp('it took too long'), timeoutMs);
    signal.addEventListener('abort', this.#abort, { once: true });
    adapter.on('error', (error) => this.#giveUp(reasonOf(error)));
    adapter.on('close', () => this.#giveUp('the connection was lost'));
    startTls({
      adapter,
      identity,
      initiator,
      timeoutMs,
      onSecure: (tls) => this.#judge(tls),
      onFailure: (error) => this.#giveUp(reasonOf(error)),
    });
    if (signal.aborted) this.#abort();
  }

  readonly #abort = (): void => {
    this.#fail(this.#options.signal.reason);
    this.#adapter.destroy();
  };

  /** TLS is up on our side: decide about the other device, tell it, and wait to be told. */
  #judge(tls: TLSSocket): void {
    const channel = new FrameChannel(tls, this.#adapter);
    channel.onClose((reason) => this.#fail(this.#unreachable(reason)));
    const device = provenDevice(tls);
    if (device === undefined) {
      channel.destroy('the other side showed no proper certificate');
      return;
    }
    const binding = this.#export(tls, bindingBytes, 'EXPORTER-shoal-control');
    const verdict = this.#options.judge(device);
    if (verdict.standing === 'refused') {
      say(channel, encodeControl({ kind: 'refused', text: verdict.text }, binding));
      this.#fail(verdict.error);
      channel.end('it was refused');
      return;
    }
    say(channel, encodeControl({ kind: 'accepted', datagramIndex: this.#options.localIndex }, binding));
    channel.receive((frame) => {
      const control = this.#takeControl(channel, frame, binding);
      if (control === undefined) return;
      this.#settle();
      channel.receive(undefined);
      channel.admit({ limited: verdict.standing === 'guest' });
      const { standing } = verdict;
      const remoteIndex = control.datagramIndex;
      this.#outcome.resolve({ channel, device, standing, remoteIndex, ...this.#datagramKeys(tls) });
    });
  }

  /** @returns undefined when the other side does not accept us, and that has been dealt with */
  #takeControl(channel: FrameChannel, frame: Uint8Array, binding: Uint8Array): Accepted | undefined {
    try {
      return decodeControl(frame, binding);
    } catch (error) {
      if (!isShoalError(error, 'REFUSED')) throw error;
      const { address } = this.#options;
      const sentence = `${address} refused this device: ${error.message}.`;
      this.#fail(new ShoalError('REFUSED', sentence, { data: { address } }));
      channel.end('it was refused');
      return undefined;
    }
  }

  #datagramKeys(tls: TLSSocket): { sendKey: Uint8Array; receiveKey: Uint8Array } {
    const keys = this.#export(tls, 2 * sealKeyBytes, 'EXPORTER-shoal-datagram');
    const fromDialler = keys.slice(0, sealKeyBytes);
    const fromResponder = keys.slice(sealKeyBytes);
    return this.#options.initiator
      ? { sendKey: fromDialler, receiveKey: fromResponder }
      : { sendKey: fromResponder, receiveKey: fromDialler };
  }

  /** Bytes that are the same on both ends of this connection and this dial, and nowhere else. */
  #export(tls: TLSSocket, length: number, label: string): Uint8Array {
    return Uint8Array.from(tls.exportKeyingMaterial(length, label, Buffer.from(this.#options.transcript)));
  }

  /** For as long as there is no channel that ends by itself. */
  #giveUp(reason: string): void {
    this.#fail(this.#unreachable(reason));
    this.#adapter.destroy();
  }

  #unreachable(reason: string): ShoalError {
    const { address } = this.#options;
    const sentence = `The connection with ${address} could not be made: ${reason}.`;
    return new ShoalError('UNREACHABLE', sentence, { data: { address } });
  }

  #fail(error: unknown): void {
    this.#settle();
    this.#outcome.reject(error);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#abort);
  }
}

/** A resumed TLS session would skip the certificates: Shoal never offers one, and takes none. */
function provenDevice(tls: TLSSocket): DeviceId | undefined {
  if (tls.alpnProtocol !== applicationProtocol || tls.isSessionReused()) return undefined;
  const certificate = tls.getPeerX509Certificate();
  return certificate === undefined ? undefined : deviceIdOf(certificate);
}

function say(channel: FrameChannel, control: Uint8Array): void {
  channel.write(control).catch(() => undefined); // the channel has ended, and its onClose says so
}
