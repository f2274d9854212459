/**
 * Frames over TLS over one UDX stream: the part of a connection that is the same before and after its two sides
 * know each other. It ends once, with a reason, however it ends; whatever the peer, TLS or UDX do wrong ends it and
 * nothing else.
 *
 * Until `admit` the peer is a stranger: frames are short, and a bounded number of bytes is taken in all.
 */
import type { TLSSocket } from 'node:tls';
import { isShoalError, ShoalError, systemCode } from '../error.js';
import { frameBytesMax } from '../transfer/index.js';
import { controlBytesMax } from './control-frame.js';
import { FrameDecoder, frameHeader, frameHeaderBytes } from './frame-decoder.js';
import type { StreamAdapter } from './stream-adapter.js';

/** All that is taken from somebody who is not known to be a member: handshake, join and its answer fit well. */
export const strangerBytesMax = 64 * 1024;
/** `write` asks its caller to wait while more than this is queued. */
const queuedBytesMax = 1024 * 1024;
/** Of a caller that does not wait; four times what a peer may request. */
const queuedBytesLimit = 32 * 1024 * 1024;
/** Frames that came before anybody took them. */
const untakenBytesMax = 1024 * 1024;
/** What is queued when a channel ends has this long to leave. */
const lingerMsMax = 1000;

export type FrameHandler = (frame: Uint8Array) => void;

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: ShoalError) => void;
}

export class FrameChannel {
  readonly #tls: TLSSocket;
  readonly #adapter: StreamAdapter;
  readonly #decoder = new FrameDecoder(controlBytesMax);
  #handler: FrameHandler | undefined;
  #untaken: Uint8Array[] = [];
  #untakenBytes = 0;
  #queuedBytes = 0;
  #waiters: Waiter[] = [];
  #closeReason: string | undefined;
  #onClose: ((reason: string) => void) | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(tls: TLSSocket, adapter: StreamAdapter) {
    this.#tls = tls;
    this.#adapter = adapter;
    tls.on('data', (bytes: Buffer) => this.#receive(bytes));
    tls.on('end', () => this.end('the other side closed the connection'));
    tls.on('error', (error) => this.destroy(reasonOf(error)));
    tls.on('close', () => this.#released());
    adapter.on('error', (error) => this.destroy(reasonOf(error)));
    adapter.on('close', () => this.#released());
  }

  /** Why the channel ended; undefined while it is open. */
  get closeReason(): string | undefined {
    return this.#closeReason;
  }

  /** `handler` is called once, when the channel ends; at once if it has ended. */
  onClose(handler: (reason: string) => void): void {
    if (this.#closeReason === undefined) this.#onClose = handler;
    else handler(this.#closeReason);
  }

  /** The peer has proved who it is. `limited`: it may still send only `strangerBytesMax` in all. */
  admit(options: { readonly limited: boolean }): void {
    this.#decoder.bytesMax = frameBytesMax;
    this.#adapter.limitReceive(options.limited ? strangerBytesMax : Number.POSITIVE_INFINITY);
  }

  /**
   * Frames go to `handler` in order, beginning with those that are waiting, also those from before the channel ended;
   * with undefined they wait. A ShoalError thrown by the handler ends the channel.
   */
  receive(handler: FrameHandler | undefined): void {
    this.#handler = handler;
    if (handler === undefined) return;
    const untaken = this.#untaken;
    this.#untaken = [];
    this.#untakenBytes = 0;
    const closeReason = this.#closeReason;
    this.#guarded(() => {
      for (const frame of untaken) {
        handler(frame);
        if (this.#closeReason !== closeReason) return;
      }
    });
  }

  /**
   * Queues one frame; `frame` must not change afterwards.
   * @returns resolves when less than `queuedBytesMax` is queued
   * @throws ShoalError UNREACHABLE (rejects) once the channel has ended, LIMIT when far too much is queued
   */
  write(frame: Uint8Array): Promise<void> {
    if (this.#closeReason !== undefined) return Promise.reject(endedError(this.#closeReason));
    const bytes = frameHeaderBytes + frame.length;
    if (this.#queuedBytes + bytes > queuedBytesLimit) {
      this.destroy('the other side takes less than is sent to it');
      return Promise.reject(
        new ShoalError(
          'LIMIT',
          `More than ${queuedBytesLimit} bytes wait to be sent: await what send() returns.`,
        ),
      );
    }
    this.#queuedBytes += bytes;
    this.#tls.cork();
    this.#tls.write(frameHeader(frame.length));
    this.#tls.write(frame, () => this.#written(bytes));
    this.#tls.uncork();
    if (this.#queuedBytes < queuedBytesMax) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Ends the channel, and lets what is queued leave first, for a second at most. */
  end(reason: string): void {
    if (!this.#close(reason)) return;
    this.#tls.end();
    this.#linger = setTimeout(() => this.#release(), lingerMsMax);
  }

  /** Ends the channel at once; what is queued is lost. */
  destroy(reason: string): void {
    this.#close(reason);
    this.#release();
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closeReason !== undefined) return;
    this.#guarded(() => {
      for (const frame of this.#decoder.decode(bytes)) {
        this.#deliver(frame);
        if (this.#closeReason !== undefined) return;
      }
    });
  }

  /** What a peer sent can be wrong in many ways, and all of them end here. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!isShoalError(error)) throw error;
      this.destroy(`the other side broke the protocol: ${error.message}`);
    }
  }

  #deliver(frame: Uint8Array): void {
    if (this.#handler !== undefined) {
      this.#handler(frame);
      return;
    }
    this.#untakenBytes += frame.length;
    if (this.#untakenBytes > untakenBytesMax)
      throw new ShoalError('LIMIT', 'too much before it was asked for');
    this.#untaken.push(frame);
  }

  #written(bytes: number): void {
    this.#queuedBytes -= bytes;
    if (this.#queuedBytes >= queuedBytesMax) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  /** @returns whether the channel was open until now */
  #close(reason: string): boolean {
    if (this.#closeReason !== undefined) return false;
    this.#closeReason = reason;
    for (const waiter of this.#waiters) waiter.reject(endedError(reason));
    this.#waiters = [];
    this.#onClose?.(reason);
    return true;
  }

  /** TLS or the stream below is gone, and the rest goes with it. */
  #released(): void {
    this.destroy('the connection was lost');
  }

  #release(): void {
    clearTimeout(this.#linger);
    this.#tls.destroy();
    this.#adapter.destroy();
  }
}

function endedError(reason: string): ShoalError {
  return new ShoalError('UNREACHABLE', `The connection has ended: ${reason}.`);
}

/** What a person is told about an error of TLS or of the stream. */
export function reasonOf(error: Error): string {
  if (isShoalError(error)) return `the other side ${error.message}`;
  const code = systemCode(error);
  if (code === 'ETIMEDOUT') return 'the other side stopped answering';
  if (code === 'ECONNRESET') return 'the connection was reset';
  return `the connection failed: ${error.message}`;
}
