/** A worker thread of an ingest. While one job waits for its answer, the next one is read. */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import type { ChunkingParameters, SharedMemory } from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import { type Job, RunningJob } from './ingest-job.js';

export interface WorkerTask {
  /** The same for all tasks of a pool. */
  readonly folder: ReaderOptions;
  readonly cutting: ChunkingParameters;
  readonly memory: SharedMemory;
  /** Of this job, in `memory`. */
  readonly address: number;
  readonly job: Job;
  /** Carries the cuts, the ids, then the answer which chunks are wanted, then what was made. */
  readonly port: MessagePort;
}

let reader: FileReader | undefined;
/** Of the first task: each task brings a new object for the same memory. */
let shared: SharedMemory | undefined;

export default async function work(task: WorkerTask): Promise<void> {
  const { folder, cutting, address, job, port } = task;
  reader ??= new FileReader(folder);
  shared ??= task.memory;
  const running = new RunningJob(reader, cutting, job, { memory: shared, address });
  const answer = once(port, 'message');
  port.postMessage(running.pieces);
  port.postMessage(running.hash());
  const [wanted] = (await answer) as [Uint8Array];
  port.postMessage(running.encode(wanted));
}
