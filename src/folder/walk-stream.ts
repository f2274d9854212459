/**
 * A walk as a stream of batches: in this thread, which does other things every few ms, or in a thread of its own
 * where there is much. A thread takes 0.1 to 0.2 s to start; then a walk of 80,000 files, 0.9 s, holds nobody up. Where it
 * is known in advance how the folder can be divided, this thread walks one half and another the other.
 *
 * Bound: a thread is at most `batchesAhead` batches ahead of who reads them.
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ShoalError, type ShoalErrorCode } from '../error.js';
import type { RelPath } from '../manifest/index.js';
import { workerFile } from '../worker-file.js';
import type { Surroundings } from './examine.js';
import type { Found } from './found.js';
import { BatchPacker, FoundBatch, type PackedBatch } from './found-batch.js';
import { type WalkRange, walkRoot } from './walk.js';

/** Whoever walks in another thread needs. */
export interface WalkSettings extends Omit<Surroundings, 'ignore'>, WalkRange {
  /** The content of `.shoalignore`. */
  readonly ignoreText: string;
}

export type WalkMessage =
  | { readonly batch: PackedBatch }
  | { readonly failure: { readonly code: ShoalErrorCode; readonly message: string } }
  | { readonly isEnd: true };

export const itemsPerBatch = 1024;
export const batchesAhead = 64;
/** How long a walk in this thread holds up what else is to be done here: a disk may take as long for a single look. */
const turnMs = 10;
/** A walk of the whole folder that is not at its end after so many batches goes on in a thread. */
const batchesHere = 2;

export async function* streamHere(walk: Iterable<Found>): AsyncGenerator<FoundBatch> {
  const packer = new BatchPacker(itemsPerBatch);
  let turnEnd = performance.now() + turnMs;
  for (const found of walk) {
    packer.add(found);
    if (packer.isFull) yield new FoundBatch(packer.take());
    if (performance.now() < turnEnd) continue;
    await setImmediate();
    turnEnd = performance.now() + turnMs;
  }
  yield new FoundBatch(packer.take());
}

/** The whole folder: its beginning from here, the rest, if it is long, from a thread. @throws ShoalError as the walk does */
export async function* streamGrowing({ ignore, ...around }: Surroundings): AsyncGenerator<FoundBatch> {
  let batches = 0;
  for await (const batch of streamHere(walkRoot({ ...around, ignore }))) {
    yield batch;
    const after = batch.lastPath;
    if (++batches < batchesHere || after === undefined) continue;
    yield* streamFromThread({ ...around, ignoreText: ignore.text, after });
    return;
  }
}

/**
 * The whole folder: its first half from here, the second, meanwhile, from a thread.
 * @param middle - where the thread begins: best in the middle of what there is
 * @throws ShoalError as the walk does
 */
export async function* streamDivided(
  { ignore, ...around }: Surroundings,
  middle: RelPath,
): AsyncGenerator<FoundBatch> {
  const second = new WalkThread({ ...around, ignoreText: ignore.text, after: middle });
  try {
    yield* streamHere(walkRoot({ ...around, ignore }, { upTo: middle }));
    yield* second.batches();
  } finally {
    await second.end();
  }
}

/** @throws ShoalError as the walk does */
export async function* streamFromThread(settings: WalkSettings): AsyncGenerator<FoundBatch> {
  const thread = new WalkThread(settings);
  try {
    yield* thread.batches();
  } finally {
    await thread.end();
  }
}

/** A thread that walks, from when it is made. Must be ended. */
class WalkThread {
  readonly #worker: Worker;
  readonly #messages: WalkMessage[] = [];
  readonly #failed: Promise<never>;
  #wake: () => void = () => undefined;

  constructor(settings: WalkSettings) {
    this.#worker = new Worker(workerFile('walk-worker'), { workerData: settings });
    this.#worker.on('message', (message: WalkMessage) => {
      this.#messages.push(message);
      this.#wake();
    });
    this.#failed = once(this.#worker, 'exit').then(([code]) => {
      throw new Error(`The thread that walks the folder ended with code ${code}.`);
    });
    this.#failed.catch(() => undefined); // It ends in order, too.
  }

  async *batches(): AsyncGenerator<FoundBatch> {
    for (;;) {
      const message = await this.#next();
      if ('failure' in message) throw new ShoalError(message.failure.code, message.failure.message);
      if ('isEnd' in message) return;
      yield new FoundBatch(message.batch);
      this.#worker.postMessage('go on');
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  async #next(): Promise<WalkMessage> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      const arrived = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([arrived, this.#failed]);
    }
  }
}
