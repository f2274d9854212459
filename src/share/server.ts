/**
 * Server: answers a member's wants from the store, in order, one peer at a time each.
 *
 * A chunk is served only by id and only to a session of standing "member"; the store holds chunks of this share
 * alone. The queue of a peer is bounded: one that asks for more than the credit allows is turned away.
 * Under a limit on the rate all servers take turns, chunk by chunk, and tell a peer that has to wait that they are at it.
 */
import type { ChunkId, EncodedChunk } from '../chunking/index.js';
import type { Session } from '../network/index.js';
import type { ChunkStore } from '../store/index.js';
import { creditIdsMax, encodeMessage, stalledAfterMs } from '../transfer/index.js';
import type { Pacer } from './pacer.js';

/** An honest peer has at most its credit unanswered; some slack for answers that cross its wants. */
const queuedIdsMax = 2 * creditIdsMax;
/** Chunks read ahead of the sending. */
const readAhead = 24;
/** Often enough that a peer which waits for its turn does not take this one for dead. */
const busyEveryMs = stalledAfterMs / 3;

/** Where chunks are served from. */
export type Served = Pick<ChunkStore, 'getEncoded'>;

export class PeerServer {
  readonly #session: Session;
  readonly #chunks: Served;
  readonly #pacer: Pacer;
  readonly #closing = new AbortController();
  readonly #queue: ChunkId[] = [];
  #running = false;
  /** Bytes of chunks handed to the session, as encoded. */
  payloadOut = 0;

  constructor(session: Session, chunks: Served, pacer: Pacer) {
    this.#session = session;
    this.#chunks = chunks;
    this.#pacer = pacer;
  }

  want(ids: readonly ChunkId[], onError: (error: unknown) => void): void {
    if (this.#queue.length + ids.length > queuedIdsMax) {
      this.#session.close('it asked for more than the credit allows');
      return;
    }
    this.#queue.push(...ids);
    if (this.#running) return;
    this.#running = true;
    this.#serve().then(
      () => {
        this.#running = false;
      },
      (error: unknown) => {
        this.#running = false;
        this.#queue.length = 0;
        onError(error);
      },
    );
  }

  /** Gives up the turn it may wait for. */
  close(): void {
    this.#closing.abort();
  }

  /** Reads ahead while it sends, in the order of the wants. */
  async #serve(): Promise<void> {
    const beat = this.#pacer.isLimited ? setInterval(() => this.#tellBusy(), busyEveryMs) : undefined;
    const reading: { readonly id: ChunkId; readonly chunk: Promise<EncodedChunk | undefined> }[] = [];
    try {
      while (this.#queue.length > 0 || reading.length > 0) {
        for (const id of this.#queue.splice(0, readAhead - reading.length)) {
          const chunk = this.#chunks.getEncoded(id);
          chunk.catch(() => undefined); // Awaited below, in order; until then a failure must not count as unhandled.
          reading.push({ id, chunk });
        }
        const next = reading.shift();
        if (next !== undefined) await this.#answer(next.id, await next.chunk);
      }
    } finally {
      clearInterval(beat);
      await Promise.allSettled(reading.map(({ chunk }) => chunk));
    }
  }

  async #answer(id: ChunkId, chunk: EncodedChunk | undefined): Promise<void> {
    if (chunk === undefined) {
      await this.#session.send(encodeMessage({ type: 'absent', ids: [id] }));
      return;
    }
    await this.#pacer.take(chunk.bytes.length, this.#closing.signal);
    this.payloadOut += chunk.bytes.length;
    await this.#session.send(encodeMessage({ type: 'chunk', id, chunk }));
  }
  /** A pong that nobody asked for. A session that has ended is noticed by the answer that follows. */
  #tellBusy(): void {
    this.#session.send(encodeMessage({ type: 'pong', nonce: 0 })).catch(() => undefined);
  }
}
