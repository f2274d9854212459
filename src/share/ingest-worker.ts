/** A worker thread of an ingest. While one job waits for its answer, the next one is read. */
import { once } from 'node:events';
import { getPriority, platform, setPriority } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import type { ChunkingParameters, SharedMemory } from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import type { RecordsMade } from '../store/index.js';
import { type Job, RunningJob } from './ingest-job.js';

export interface WorkerTask {
  /** The same for all tasks of a pool. */
  readonly folder: ReaderOptions;
  readonly cutting: ChunkingParameters;
  readonly memory: SharedMemory;
  /** Of this job, in `memory`. */
  readonly address: number;
  readonly job: Job;
  /** Carries the cuts, the ids, then the answer which chunks are wanted. */
  readonly port: MessagePort;
}

/** Of this thread, as `nice` counts. */
const niceness = 10;

/**
 * The main thread and those that write come first: when they wait for a processor, all workers soon wait for them. It also
 * leaves the machine to its user.
 */
function standBack(): void {
  if (platform() !== 'linux') return; // elsewhere it would be the whole process
  try {
    // Who is as nice already may not, and need not, be less so.
    if (getPriority() < niceness) setPriority(niceness);
  } catch {
    // A sandbox may forbid it: then this thread takes its turn like any other.
  }
}

standBack();

let reader: FileReader | undefined;
/** Of the first task: each task brings a new object for the same memory. */
let shared: SharedMemory | undefined;

/** @returns what was made */
export default async function work(task: WorkerTask): Promise<RecordsMade> {
  const { folder, cutting, address, job, port } = task;
  reader ??= new FileReader(folder);
  shared ??= task.memory;
  const running = new RunningJob(reader, cutting, job, { memory: shared, address });
  const answer = once(port, 'message');
  port.postMessage(running.pieces);
  port.postMessage(running.hash());
  const [wanted] = (await answer) as [Uint8Array];
  return running.encode(wanted);
}
