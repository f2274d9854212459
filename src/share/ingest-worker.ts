/** A worker thread of an ingest. While one job waits for its answer, the next one is read. */
import '../engine/index.js'; // before all others
import assert from 'node:assert/strict';
import { getPriority, platform, setPriority } from 'node:os';
import { MessageChannel, parentPort } from 'node:worker_threads';
import type { ChunkingParameters, SharedMemory } from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import type { RecordsMade } from '../store/index.js';
import { type Job, RunningJob } from './ingest-job.js';
import type { PiecesCut } from './pieces-cut.js';

export interface WorkerTask {
  /** The same for all tasks of a pool. */
  readonly folder: ReaderOptions;
  readonly cutting: ChunkingParameters;
  readonly memory: SharedMemory;
  /** Of this job, in `memory`. */
  readonly address: number;
  readonly job: Job;
  /** By which this job is told from the others. */
  readonly number: number;
}

/** What a job says before it is done: the cuts, then the ids. */
export interface Said {
  readonly number: number;
  readonly said: PiecesCut | Uint8Array;
}

/** What it is told then: which chunks are wanted. */
export interface Answer {
  readonly number: number;
  readonly wanted: Uint8Array;
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

const { port1: port, port2: portOfMain } = new MessageChannel();
/** Of jobs that wait for their answer, by number. */
const waiting = new Map<number, (wanted: Uint8Array) => void>();
port.on('message', ({ number, wanted }: Answer) => waiting.get(number)?.(wanted));
assert(parentPort !== null, 'this is a thread');
parentPort.postMessage(portOfMain, [portOfMain]);

let reader: FileReader | undefined;
/** Of the first task: each task brings a new object for the same memory. */
let shared: SharedMemory | undefined;

/** @returns what was made */
export default async function work(task: WorkerTask): Promise<RecordsMade> {
  const { folder, cutting, address, job, number } = task;
  reader ??= new FileReader(folder);
  shared ??= task.memory;
  const running = new RunningJob(reader, cutting, job, { memory: shared, address });
  say({ number, said: running.pieces });
  say({ number, said: running.hash() });
  const wanted = await new Promise<Uint8Array>((resolve) => waiting.set(number, resolve));
  waiting.delete(number);
  return running.encode(wanted);
}

function say(said: Said): void {
  port.postMessage(said);
}
