/**
 * From a fresh UDX stream to two devices that know each other: TLS 1.3 with a certificate on both sides, then one
 * control frame each way with the verdict. The same code runs on both ends; the dialler is the TLS client.
 *
 * Nothing of a session exists before both verdicts are in; a peer that is slow, silent, wrong or turned away costs
 * one stream for at most `timeoutMs`.
 */
import { connect, type SecureContext, TLSSocket } from 'node:tls';
import { isShoalError, ShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';
import { deviceIdOf } from './certificate.js';
import { bindingBytes, type Control, decodeControl, encodeControl } from './control-frame.js';
import { FrameChannel } from './frame-channel.js';
import { sealKeyBytes } from './sealed-datagram.js';
import { StreamAdapter } from './stream-adapter.js';
import type { UdxStream } from './udp-port.js';
import type { Standing, Verdict } from './verdict.js';

const applicationProtocol = 'shoal/1';

export interface HandshakeOptions {
  readonly stream: UdxStream;
  readonly secureContext: SecureContext;
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
    new Handshake(options, resolve, reject).begin();
  });
}

class Handshake {
  readonly #options: HandshakeOptions;
  readonly #tls: TLSSocket;
  readonly #channel: FrameChannel;
  readonly #resolve: (established: Established) => void;
  readonly #reject: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;
  #peer: { readonly device: DeviceId; readonly standing: Standing } | undefined;

  constructor(
    options: HandshakeOptions,
    resolve: (established: Established) => void,
    reject: (error: unknown) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    const adapter = new StreamAdapter(options.stream);
    this.#tls = startTls(adapter, options);
    this.#channel = new FrameChannel(this.#tls, adapter);
  }

  begin(): void {
    const { signal, timeoutMs } = this.#options;
    this.#timer = setTimeout(() => this.#channel.destroy('it took too long'), timeoutMs);
    signal.addEventListener('abort', this.#abort, { once: true });
    this.#channel.onClose((reason) => this.#fail(this.#unreachable(reason)));
    this.#channel.receive((frame) => this.#takeControl(frame));
    this.#tls.once('secure', () => this.#judge());
    if (signal.aborted) this.#abort();
  }

  readonly #abort = (): void => {
    this.#fail(this.#options.signal.reason);
    this.#channel.destroy('it was cancelled');
  };

  /** TLS is up on our side: decide about the other device and tell it. */
  #judge(): void {
    if (this.#channel.closeReason !== undefined) return;
    const device = this.#provenDevice();
    if (device === undefined) {
      this.#channel.destroy('the other side showed no proper certificate');
      return;
    }
    const verdict = this.#options.judge(device);
    if (verdict.standing === 'refused') {
      this.#say({ kind: 'refused', text: verdict.text });
      this.#fail(verdict.error);
      this.#channel.end('it was refused');
      return;
    }
    this.#peer = { device, standing: verdict.standing };
    this.#say({ kind: 'accepted', datagramIndex: this.#options.localIndex });
  }

  /** A resumed TLS session would skip the certificates: Shoal never offers one, and takes none. */
  #provenDevice(): DeviceId | undefined {
    if (this.#tls.alpnProtocol !== applicationProtocol || this.#tls.isSessionReused()) return undefined;
    const certificate = this.#tls.getPeerX509Certificate();
    return certificate === undefined ? undefined : deviceIdOf(certificate);
  }

  #say(control: Control): void {
    const sent = this.#channel.write(encodeControl(control, this.#binding()));
    sent.catch(() => undefined); // the channel has ended, and its onClose says so
  }

  #takeControl(frame: Uint8Array): void {
    const peer = this.#peer;
    if (peer === undefined) throw new ShoalError('MALFORMED', 'a frame before the handshake was done');
    const control = this.#decode(frame);
    if (control === undefined) return;
    if (control.kind === 'refused') {
      this.#refusedBy(control.text);
      return;
    }
    this.#settle();
    this.#channel.receive(undefined);
    this.#channel.admit({ limited: peer.standing === 'guest' });
    this.#resolve({
      channel: this.#channel,
      ...peer,
      remoteIndex: control.datagramIndex,
      ...this.#datagramKeys(),
    });
  }

  #decode(frame: Uint8Array): Control | undefined {
    try {
      return decodeControl(frame, this.#binding());
    } catch (error) {
      if (!isShoalError(error, 'REFUSED')) throw error;
      this.#refusedBy(error.message);
      return undefined;
    }
  }

  #refusedBy(text: string): void {
    const { address } = this.#options;
    this.#fail(new ShoalError('REFUSED', `${address} refused this device: ${text}.`, { data: { address } }));
    this.#channel.end('it was refused');
  }

  /** Same on both ends of one dial, and nowhere else. */
  #binding(): Uint8Array {
    return this.#export(bindingBytes, 'EXPORTER-shoal-control');
  }

  #datagramKeys(): { sendKey: Uint8Array; receiveKey: Uint8Array } {
    const keys = this.#export(2 * sealKeyBytes, 'EXPORTER-shoal-datagram');
    const fromDialler = keys.slice(0, sealKeyBytes);
    const fromResponder = keys.slice(sealKeyBytes);
    return this.#options.initiator
      ? { sendKey: fromDialler, receiveKey: fromResponder }
      : { sendKey: fromResponder, receiveKey: fromDialler };
  }

  #export(length: number, label: string): Uint8Array {
    const context = Buffer.from(this.#options.transcript);
    return Uint8Array.from(this.#tls.exportKeyingMaterial(length, label, context));
  }

  #fail(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#options.signal.removeEventListener('abort', this.#abort);
  }

  #unreachable(reason: string): ShoalError {
    const { address } = this.#options;
    return new ShoalError('UNREACHABLE', `The connection with ${address} could not be made: ${reason}.`, {
      data: { address },
    });
  }
}

function startTls(adapter: StreamAdapter, options: HandshakeOptions): TLSSocket {
  const shared = {
    secureContext: options.secureContext,
    ALPNProtocols: [applicationProtocol],
    rejectUnauthorized: false, // the certificates are self-signed; `judge` decides by the key
  };
  return options.initiator
    ? connect({ ...shared, socket: adapter, checkServerIdentity: () => undefined })
    : new TLSSocket(adapter, { ...shared, isServer: true, requestCert: true });
}
