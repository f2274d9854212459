/**
 * One UDP port: plain datagrams and UDX streams. The only file that knows udx-native.
 *
 * What udx-native does, and what follows from it here:
 * - Packets that begin FF 01 with the id of a live stream go to that stream, whoever sent them. Everything else
 *   arrives as a datagram. So ids are random, and the death of a stream is routine, never a crash.
 * - A stream reports a dead or lost peer by 'error', which throws when nobody listens: every stream gets a listener
 *   at birth.
 * - `socket.close()` waits for the streams, so `close` destroys those that linger.
 * - The socket's own counters leave out plain datagrams that were sent; they are added here.
 */
import { randomInt } from 'node:crypto';
import UDX, { type UdxSocket, type UdxStream } from 'udx-native';
import { ShoalError, systemCode } from '../error.js';
import { formatAddress, type SocketAddress } from './address.js';

export type { UdxStream };

/** Longer datagrams risk fragments on the way; ours and UDX's own first packets keep to this. */
export const datagramBytesMax = 1200;
/** Streams that have ended get this long to hand over what they still hold. */
const lingerMsMax = 1000;

/**
 * Room in the kernel for packets that come while this process is busy. With UDX's own 1 MiB a loaded machine lost 2 to
 * 14 % of them (measured, two processes on loopback) and sent them again; with 2 MiB none.
 */
const kernelBufferBytes = 2 * 1024 * 1024;

/** Takes one datagram. `bytes` is borrowed: valid until it returns. */
type DatagramHandler = (bytes: Uint8Array, source: SocketAddress) => void;

export interface UdpPortOptions {
  /** An IP address of this machine; '0.0.0.0' for all of IPv4, '::' for both families. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** How many further ports are tried, one by one, while the wanted one is taken. */
  readonly portTries: number;
  readonly onDatagram: DatagramHandler;
}

export class UdpPort {
  readonly address: SocketAddress;
  /** Whether IPv6 addresses can be reached from here. */
  readonly family: 4 | 6;
  readonly #udx: UDX;
  readonly #socket: UdxSocket;
  readonly #streams = new Map<number, UdxStream>();
  #datagramBytesOut = 0;
  #closing: Promise<void> | undefined;

  /** @throws ShoalError IO when no port can be had (`cause` says why) */
  constructor(options: UdpPortOptions) {
    this.#udx = new UDX();
    const socket = bindFirstFree(this.#udx, options);
    const bound = socket.address();
    if (bound === null) throw new ShoalError('IO', 'The UDP socket has no address.');
    enlargeKernelBuffer(socket);
    this.#socket = socket;
    this.address = { host: bound.host, port: bound.port };
    this.family = bound.family;
    socket.on('message', (bytes, source) => {
      if (this.#closing === undefined) options.onDatagram(bytes, { host: source.host, port: source.port });
    });
  }

  /** All UDP payload bytes taken from the network. */
  get bytesIn(): number {
    return this.#socket.bytesReceived;
  }

  /** All UDP payload bytes handed to the network, repeats included. */
  get bytesOut(): number {
    return this.#socket.bytesTransmitted + this.#datagramBytesOut;
  }

  /** Sends one datagram, at most `datagramBytesMax` bytes; it may be lost. `bytes` must not change afterwards. */
  send(bytes: Uint8Array, to: SocketAddress): void {
    if (this.#closing !== undefined || to.port === 0) return;
    this.#datagramBytesOut += bytes.length;
    this.#socket.trySend(bytes, to.port, to.host);
  }

  /** A random id that no stream of this port bears. */
  freeStreamId(): number {
    for (;;) {
      const id = randomInt(1, 2 ** 32);
      if (!this.#streams.has(id)) return id;
    }
  }

  /**
   * The near end of a stream; the far end is opened by the other side with the two ids swapped.
   * @param localId - from `freeStreamId`
   */
  openStream(localId: number, remoteId: number, to: SocketAddress): UdxStream {
    if (this.#closing !== undefined) throw new ShoalError('CANCELLED', 'The UDP port is closed.');
    const stream = this.#udx.createStream(localId);
    this.#streams.set(localId, stream);
    stream.on('error', () => undefined); // 'close' follows and tells those who use the stream
    stream.on('close', () => this.#streams.delete(localId));
    stream.connect(this.#socket, remoteId, to.port, to.host);
    return stream;
  }

  /** Waits at most a second for streams that are ending, destroys the others, and frees the port. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = this.#socket.close();
    const timer = setTimeout(() => {
      for (const stream of this.#streams.values()) stream.destroy();
    }, lingerMsMax);
    await closed;
    clearTimeout(timer);
  }
}

function enlargeKernelBuffer(socket: UdxSocket): void {
  try {
    socket.setRecvBufferSize(kernelBufferBytes);
  } catch {
    // Linux grants what it can; another system may refuse, and then its own size has to do.
  }
}

function bindFirstFree(udx: UDX, options: UdpPortOptions): UdxSocket {
  const last = options.port === 0 ? 0 : Math.min(options.port + options.portTries, 65535);
  for (let port = options.port; ; port++) {
    const socket = udx.createSocket();
    try {
      socket.bind(port, options.host);
      return socket;
    } catch (cause) {
      void socket.close();
      if (systemCode(cause) === 'EADDRINUSE' && port < last) continue;
      const address = formatAddress({ host: options.host, port });
      throw new ShoalError('IO', `UDP port ${address} cannot be opened: ${(cause as Error).message}.`, {
        data: { address },
        cause,
      });
    }
  }
}
