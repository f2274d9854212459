/**
 * Pull loop: brings the own tree up to every root that a member who may write has announced. One reconciliation at
 * a time. A root that is wholly merged is never looked at again, because the own tree only grows; one that could not be
 * finished is tried again when something changed, or after a while.
 */
import type { ChunkId } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';
import type { ReconcileResult } from './reconcile.js';

export interface PullTarget {
  readonly root: ChunkId;
  /** Connected devices whose heads name this root. */
  readonly sources: readonly DeviceId[];
}

export interface PullLoopOptions {
  /** Roots of members who may write, other than the own root, that some connected device holds. */
  readonly targets: () => readonly PullTarget[];
  readonly reconcile: (target: PullTarget) => Promise<ReconcileResult>;
  readonly onReconciled: (target: PullTarget, result: ReconcileResult) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Nothing is being merged any more. */
  readonly onIdle: () => void;
}

/** What was blocked or missing is tried again after this. */
const retryMs = 10_000;
/** Settled roots that are remembered: enough for the heads of all members many times over. */
const settledMax = 10_000;

export class PullLoop {
  readonly #options: PullLoopOptions;
  readonly #settled = new Set<ChunkId>();
  readonly #failed = new Set<ChunkId>();
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: PullLoopOptions) {
    this.#options = options;
  }

  /** Whether some announced root is not merged yet, or is being merged. */
  get isBusy(): boolean {
    return this.#running !== undefined || this.#next() !== undefined;
  }

  /** Something changed: a head, a session, the folder. */
  poke(): void {
    if (this.#closed) return;
    this.#failed.clear();
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#running;
  }

  #start(): void {
    this.#running = this.#run()
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => {
        this.#running = undefined;
        if (this.#again && !this.#closed) {
          this.#again = false;
          this.#start();
        } else this.#options.onIdle();
      });
  }

  async #run(): Promise<void> {
    for (let target = this.#next(); target !== undefined && !this.#closed; target = this.#next()) {
      // Marked first: whatever goes wrong, this round does not try it twice.
      this.#failed.add(target.root);
      try {
        const result = await this.#options.reconcile(target);
        if (isWhole(result)) this.#settle(target.root);
        else this.#retryLater();
        await this.#options.onReconciled(target, result);
      } catch (error) {
        this.#retryLater();
        if (isShoalError(error, 'CANCELLED')) return;
        if (!isShoalError(error, 'CHUNK_MISSING')) this.#options.onError(error);
      }
    }
  }

  #next(): PullTarget | undefined {
    return this.#options.targets().find(({ root }) => !this.#settled.has(root) && !this.#failed.has(root));
  }

  #settle(root: ChunkId): void {
    const oldest = this.#settled.values().next();
    if (this.#settled.size >= settledMax && oldest.done !== true) this.#settled.delete(oldest.value);
    this.#settled.add(root);
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.poke(), retryMs);
    this.#retry.unref();
  }
}

function isWhole(result: ReconcileResult): boolean {
  return result.differing.length === 0 && result.blocked.size === 0 && result.missing.length === 0;
}
