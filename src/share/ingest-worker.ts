/** A worker thread of an ingest. While one job waits for its answer, the next one is read. */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import type { ChunkingParameters } from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import { type Job, RunningJob } from './ingest-job.js';

export interface WorkerTask {
  /** The same for all tasks of a pool. */
  readonly folder: ReaderOptions;
  readonly cutting: ChunkingParameters;
  /** Takes the records that are made: `jobMemoryBytes`, shared. */
  readonly memory: Uint8Array;
  readonly job: Job;
  /** Carries the cuts, the ids, then the answer which chunks are wanted, then what was made. */
  readonly port: MessagePort;
}

let reader: FileReader | undefined;

export default async function work({ folder, cutting, memory, job, port }: WorkerTask): Promise<void> {
  reader ??= new FileReader(folder);
  const running = new RunningJob(reader, cutting, job);
  const answer = once(port, 'message');
  port.postMessage(running.pieces);
  port.postMessage(running.hash());
  const [wanted] = (await answer) as [Uint8Array];
  port.postMessage(running.encode(wanted, memory));
}
