/**
 * A UDX stream as a node:stream Duplex, so that node:tls can run over it: a streamx `write` takes no callback, and
 * node:tls waits for one.
 *
 * Reading is never paused: UDX has no receive back-pressure, and pausing would only move the heap of unread bytes.
 * What a peer may send is bounded above (by what is requested of it), and before it is trusted by `limitReceive`.
 * Source of the approach: measured, 150 MB/s through TLS 1.3 in one process.
 */
import { Duplex } from 'node:stream';
import { ShoalError } from '../error.js';
import type { UdxStream } from './udp-port.js';

type Done = (error?: Error | null) => void;

export class StreamAdapter extends Duplex {
  readonly #stream: UdxStream;
  /** The write that waits for the stream to drain; node:stream has at most one under way. */
  #waiting: Done | undefined;
  #received = 0;
  /** Packets that came in this turn of the event loop: one at a time they would go through TLS one at a time. */
  #packets: Buffer[] = [];
  #receiveMax = Number.POSITIVE_INFINITY;

  constructor(stream: UdxStream) {
    super({ allowHalfOpen: true, autoDestroy: false });
    this.#stream = stream;
    // Its own queue of what was read is passed by: it would cost as much for each packet as TLS does.
    const { push } = stream;
    stream.push = (bytes) => {
      if (bytes === null) return push.call(stream, null);
      this.#receive(bytes);
      return true;
    };
    stream.resume();
    stream.on('end', () => {
      this.#handOver();
      this.push(null);
    });
    stream.on('drain', () => this.#resume(null));
    // What came in the same turn came before: a last frame says why the stream ends.
    stream.on('error', (error) => {
      this.#handOver();
      this.destroy(error);
    });
    stream.on('close', () => {
      this.#handOver();
      this.destroy();
    });
  }

  /** From now on the stream dies when it has brought more than `bytes` since it was opened. */
  limitReceive(bytes: number): void {
    this.#receiveMax = bytes;
  }

  #receive(bytes: Buffer): void {
    this.#received += bytes.length;
    if (this.#received > this.#receiveMax) {
      this.destroy(
        new ShoalError('LIMIT', `sent more than ${this.#receiveMax} bytes before it was admitted`),
      );
    } else {
      if (this.#packets.push(bytes) === 1) setImmediate(() => this.#handOver());
    }
  }

  #handOver(): void {
    const packets = this.#packets;
    this.#packets = [];
    if (packets.length > 0 && !this.destroyed) this.push(Buffer.concat(packets));
  }

  #resume(error: Error | null): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(error);
  }

  override _read(): void {
    // The stream pushes as it receives.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#stream.write(chunk)) done();
    else this.#waiting = done;
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    let drained = true;
    for (const { chunk } of chunks) drained = this.#stream.write(chunk);
    if (drained) done();
    else this.#waiting = done;
  }

  override _final(done: Done): void {
    this.#stream.end();
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#resume(error ?? new Error('the stream is closed'));
    this.#stream.destroy();
    done(error);
  }
}
