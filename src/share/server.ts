/**
 * Server: answers a member's wants from the store, in order, one peer at a time each.
 *
 * A chunk is served only by id and only to a session of standing "member"; the store holds chunks of this share
 * alone. The queue of a peer is bounded: one that asks for more than the credit allows is turned away.
 */
import type { ChunkId } from '../chunking/index.js';
import type { Session } from '../network/index.js';
import type { ChunkStore } from '../store/index.js';
import { creditIdsMax, encodeMessage } from '../transfer/index.js';

/** An honest peer has at most its credit unanswered; some slack for answers that cross its wants. */
const queuedIdsMax = 2 * creditIdsMax;
/** Chunks read ahead of the sending. */
const readAhead = 8;

export class PeerServer {
  readonly #session: Session;
  readonly #chunks: ChunkStore;
  readonly #queue: ChunkId[] = [];
  #running = false;
  /** Bytes of chunks handed to the session, as encoded. */
  payloadOut = 0;

  constructor(session: Session, chunks: ChunkStore) {
    this.#session = session;
    this.#chunks = chunks;
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

  async #serve(): Promise<void> {
    while (this.#queue.length > 0) {
      const ids = this.#queue.splice(0, readAhead);
      const chunks = await Promise.all(ids.map((id) => this.#chunks.getEncoded(id)));
      const absent: ChunkId[] = [];
      for (const [index, id] of ids.entries()) {
        const chunk = chunks[index];
        if (chunk === undefined) {
          absent.push(id);
          continue;
        }
        this.payloadOut += chunk.bytes.length;
        await this.#session.send(encodeMessage({ type: 'chunk', id, chunk }));
      }
      if (absent.length > 0) await this.#session.send(encodeMessage({ type: 'absent', ids: absent }));
    }
  }
}
