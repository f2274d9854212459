/**
 * Healer: what turns out damaged or missing in the store while a share runs comes back in the background, out of the
 * folder's files or from the peers. What nobody has waits until another peer is connected; `verify --repair` says more.
 *
 * Bounds: one repair at a time, of at most `idsMax` chunks; what is found beyond that is met again.
 */
import type { ChunkId } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { ChunkSource } from './chunk-source.js';
import type { OpenShare } from './open-share.js';
import { repairChunks } from './repair-chunks.js';

export interface HealerOptions {
  readonly share: OpenShare;
  readonly source: ChunkSource;
  readonly onHealed: (ids: readonly ChunkId[]) => void;
  readonly onError: (error: unknown) => void;
}

const idsMax = 4096;
/** Damage comes in swarms: a repair waits so long for more of it. */
const quietMs = 200;

export class Healer {
  readonly #options: HealerOptions;
  readonly #stop = new AbortController();
  readonly #wanted = new Set<ChunkId>();
  /** Nobody had them when they were asked for. */
  readonly #left = new Set<ChunkId>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: HealerOptions) {
    this.#options = options;
  }

  note(id: ChunkId): void {
    if (this.#stop.signal.aborted || this.#left.has(id) || this.#wanted.size >= idsMax) return;
    this.#wanted.add(id);
    this.#schedule();
  }

  /** A peer came, who may have what the others had not. */
  poke(): void {
    for (const id of this.#left) this.#wanted.add(id);
    this.#left.clear();
    if (this.#wanted.size > 0) this.#schedule();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(): void {
    if (this.#running !== undefined || this.#timer !== undefined || this.#stop.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#running = this.#heal()
        .catch((error: unknown) => this.#failed(error))
        .finally(() => {
          this.#running = undefined;
          if (this.#wanted.size > 0) this.#schedule();
        });
    }, quietMs);
    this.#timer.unref();
  }

  async #heal(): Promise<void> {
    const { share, source, onHealed } = this.#options;
    const ids = [...this.#wanted];
    this.#wanted.clear();
    const lost = new Set(await repairChunks(share, ids, source, this.#stop.signal));
    for (const id of lost) if (this.#left.size < idsMax) this.#left.add(id);
    const healed = ids.filter((id) => !lost.has(id));
    if (healed.length > 0) onHealed(healed);
  }

  #failed(error: unknown): void {
    if (this.#stop.signal.aborted || isShoalError(error, 'CANCELLED')) return;
    this.#options.onError(error);
  }
}
