/** The thread of `streamFromThread` and `streamDivided`: walks its part, a few batches ahead of who reads them. */
import '../engine/index.js'; // before all others
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { ShoalError } from '../error.js';
import { BatchPacker } from './found-batch.js';
import { IgnoreRules } from './ignore-rules.js';
import { walkRoot } from './walk.js';
import { batchesAhead, itemsPerBatch, type WalkMessage, type WalkSettings } from './walk-stream.js';

if (parentPort === null) throw new Error('This file runs as a worker thread.');
const port = parentPort;
const { ignoreText, after, upTo, ...around } = workerData as WalkSettings;

function send(message: WalkMessage): void {
  const transferred = 'batch' in message ? [message.batch.kinds.buffer, message.batch.stats.buffer] : [];
  port.postMessage(message, transferred);
}

let unread = 0;
port.on('message', () => {
  unread--;
});

async function walkPart(): Promise<void> {
  try {
    const ignore = new IgnoreRules(ignoreText);
    const packer = new BatchPacker(itemsPerBatch);
    for (const found of walkRoot({ ...around, ignore }, { after, upTo })) {
      packer.add(found);
      if (!packer.isFull) continue;
      send({ batch: packer.take() });
      unread++;
      while (unread >= batchesAhead) await once(port, 'message');
    }
    send({ batch: packer.take() });
    send({ isEnd: true });
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    send({ failure: { code: error.code, message: error.message } });
  }
}

void walkPart(); // what it throws ends the thread, and is an event of whoever started it
