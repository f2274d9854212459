/**
 * Pacer: holds what moves to a rate. Whoever wants to move bytes waits for its turn, first come, first served, so a
 * sender with one chunk at a time in the queue gets the same share as every other one.
 *
 * The queue is as long as its callers let it become: a server waits with one chunk for each session, the fetcher with
 * at most what may be wanted at a time.
 */
import { chunkBytesMax } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { TokenBucket } from '../transfer/index.js';

export interface PacerOptions {
  /** undefined: no limit, and no wait. */
  readonly bytesPerSecond: number | undefined;
  readonly now: () => number;
}

interface Turn {
  readonly bytes: number;
  readonly begin: () => void;
  readonly cancel: () => void;
}

/** After a pause so much of a second's bytes may move at once, but a chunk of any size in any case. */
const burstSeconds = 0.25;

export class Pacer {
  readonly #now: () => number;
  readonly #bucket: TokenBucket | undefined;
  readonly #queue: Turn[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor({ bytesPerSecond, now }: PacerOptions) {
    this.#now = now;
    if (bytesPerSecond === undefined) return;
    const burstBytes = Math.max(chunkBytesMax, bytesPerSecond * burstSeconds);
    this.#bucket = new TokenBucket({ bytesPerSecond, burstBytes }, now());
  }

  get isLimited(): boolean {
    return this.#bucket !== undefined;
  }

  /**
   * Resolves when `bytes` may move: at once where there is no limit.
   * @param bytes - at most `chunkBytesMax`
   * @throws ShoalError CANCELLED when `signal` aborts or the pacer is closed first; nothing is taken then
   */
  take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.#bucket === undefined) return Promise.resolve();
    if (this.#isClosed || signal?.aborted === true) return Promise.reject(cancelled());
    return new Promise((resolve, reject) => {
      const cancel = (): void => {
        const index = this.#queue.indexOf(turn);
        if (index >= 0) this.#queue.splice(index, 1);
        signal?.removeEventListener('abort', cancel);
        reject(cancelled());
        this.#serve();
      };
      const begin = (): void => {
        signal?.removeEventListener('abort', cancel);
        resolve();
      };
      const turn: Turn = { bytes, begin, cancel };
      signal?.addEventListener('abort', cancel, { once: true });
      this.#queue.push(turn);
      this.#serve();
    });
  }

  /** `bytes` that were taken did not move: others may have them. */
  giveBack(bytes: number): void {
    this.#bucket?.giveBack(bytes, this.#now());
    this.#serve();
  }

  /** Cancels whoever waits, and whoever comes. */
  close(): void {
    this.#isClosed = true;
    for (const turn of [...this.#queue]) turn.cancel();
    clearTimeout(this.#timer);
  }

  /** Begins all turns whose time has come, and sets the timer for the next one. */
  #serve(): void {
    clearTimeout(this.#timer);
    const bucket = this.#bucket;
    if (bucket === undefined) return;
    for (let turn = this.#queue[0]; turn !== undefined; turn = this.#queue[0]) {
      const now = this.#now();
      const waitMs = bucket.waitMs(turn.bytes, now);
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#serve(), waitMs);
        return;
      }
      bucket.take(turn.bytes, now);
      this.#queue.shift();
      turn.begin();
    }
  }
}

function cancelled(): ShoalError {
  return new ShoalError('CANCELLED', 'The share or the session is closing; what has moved is kept.');
}
