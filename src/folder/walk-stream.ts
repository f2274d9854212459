/**
 * A walk as a stream of batches: in this thread, which does other things between two batches, or in a thread of its own
 * where much is to be expected. A thread takes some 50 ms to start; then a walk of 80,000 files, 0.9 s, holds nobody up.
 *
 * Bound: a thread is at most `batchesAhead` batches ahead of who reads them.
 */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { ShoalError, type ShoalErrorCode } from '../error.js';
import { workerFile } from '../worker-file.js';
import type { Surroundings } from './examine.js';
import type { Found } from './found.js';
import { FoundBatch, type PackedBatch, packBatch } from './found-batch.js';

/** Whoever walks in another thread needs. */
export interface WalkSettings extends Omit<Surroundings, 'ignore'> {
  /** The content of `.shoalignore`. */
  readonly ignoreText: string;
}

export type WalkMessage =
  | { readonly batch: PackedBatch }
  | { readonly failure: { readonly code: ShoalErrorCode; readonly message: string } }
  | { readonly isEnd: true };

const itemsPerBatch = 1024;
export const batchesAhead = 32;

export function* batchesOf(walk: Iterable<Found>): Generator<PackedBatch> {
  let items: Found[] = [];
  for (const found of walk) {
    if (items.push(found) < itemsPerBatch) continue;
    yield packBatch(items);
    items = [];
  }
  yield packBatch(items);
}

export async function* streamHere(walk: Iterable<Found>): AsyncGenerator<FoundBatch> {
  for (const batch of batchesOf(walk)) {
    yield new FoundBatch(batch);
    await setImmediate();
  }
}

/** @throws ShoalError as the walk does */
export async function* streamFromThread(settings: WalkSettings): AsyncGenerator<FoundBatch> {
  const worker = new Worker(workerFile('walk-worker'), { workerData: settings });
  const messages: WalkMessage[] = [];
  let wake: () => void = () => undefined;
  worker.on('message', (message: WalkMessage) => {
    messages.push(message);
    wake();
  });
  const failed = once(worker, 'exit').then(([code]) => {
    throw new Error(`The thread that walks the folder ended with code ${code}.`);
  });
  failed.catch(() => undefined); // It ends in order, too.
  try {
    for (;;) {
      const message = messages.shift();
      if (message === undefined) {
        const arrived = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([arrived, failed]);
      } else if ('batch' in message) {
        yield new FoundBatch(message.batch);
        worker.postMessage('go on');
      } else if ('failure' in message) {
        throw new ShoalError(message.failure.code, message.failure.message);
      } else {
        return;
      }
    }
  } finally {
    await worker.terminate();
  }
}
