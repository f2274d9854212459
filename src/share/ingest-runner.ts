/**
 * Where the jobs of an ingest run: the first one in this thread, because most scans find little and a worker takes
 * longer to start than that takes to do; all later ones in worker threads.
 *
 * Bound: at most `jobsPerWorker` jobs a worker are between their beginning and the end of their use, each with one window
 * and the memory for its records; whoever comes then waits. That memory is shared between the threads and used again:
 * nothing of a file is copied from thread to thread, or left to the garbage collector.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { MessageChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { ChunkingParameters } from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import { workerFile } from '../worker-file.js';
import { type Job, type JobEncoded, type JobRead, jobMemoryBytes, RunningJob } from './ingest-job.js';
import type { WorkerTask } from './ingest-worker.js';
import { Slots } from './slots.js';

/** Takes what a job made. `memory` holds the records, until the promise settles. */
export type UseEncoded = (encoded: JobEncoded, memory: Uint8Array) => Promise<void>;

/** A job whose first phase is done. `finish` must be called, once. */
export interface StartedJob {
  readonly read: JobRead;
  /** @param wanted - a byte for each chunk: 0 if it is not */
  finish(wanted: Uint8Array, use: UseEncoded): Promise<void>;
}

/** More threads than this would wait for the disk and for this thread. */
const workersMax = 8;
/** One is read while others wait for their answer, or for the disk. */
const jobsPerWorker = 3;
const workerMemoryMb = 64;
const workerYoungMemoryMb = 8;
export class IngestRunner {
  readonly #folder: ReaderOptions;
  readonly #cutting: ChunkingParameters;
  /** Free memory for records. */
  readonly #memories: Uint8Array[] = [];
  readonly #slots: Slots;
  readonly #workers = Math.min(availableParallelism(), workersMax);
  #pool: Piscina | undefined;
  #isFirst = true;

  constructor(folder: ReaderOptions, cutting: ChunkingParameters) {
    this.#folder = folder;
    this.#cutting = cutting;
    this.#slots = new Slots(this.#workers * jobsPerWorker);
  }

  /** Runs the first phase of `job`, when there is room. */
  async start(job: Job): Promise<StartedJob> {
    await this.#slots.take();
    const memory = this.#memories.pop() ?? new Uint8Array(new SharedArrayBuffer(jobMemoryBytes));
    const end = (): void => {
      this.#memories.push(memory);
      this.#slots.give();
    };
    try {
      if (!this.#isFirst) return await this.#startInWorker(job, memory, end);
      this.#isFirst = false;
      return this.#startHere(job, memory, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
  }

  #startHere(job: Job, memory: Uint8Array, end: () => void): StartedJob {
    const running = new RunningJob(new FileReader(this.#folder), this.#cutting, job);
    const finish = async (wanted: Uint8Array, use: UseEncoded): Promise<void> => {
      try {
        await use(running.encode(wanted, memory), memory);
      } finally {
        end();
      }
    };
    return { read: running.read, finish };
  }

  async #startInWorker(job: Job, memory: Uint8Array, end: () => void): Promise<StartedJob> {
    this.#pool ??= this.#openPool();
    const { port1, port2 } = new MessageChannel();
    const task: WorkerTask = { folder: this.#folder, cutting: this.#cutting, memory, job, port: port2 };
    const done: Promise<void> = this.#pool.run(task, { transferList: [port2] });
    const next = async <T>(): Promise<T> => {
      // A task that fails sends nothing more.
      const failed = done.then(() => new Promise<never>(() => undefined));
      const [message] = (await Promise.race([once(port1, 'message'), failed])) as [T];
      return message;
    };
    try {
      const read = await next<JobRead>();
      const finish = async (wanted: Uint8Array, use: UseEncoded): Promise<void> => {
        try {
          const encoded = next<JobEncoded>();
          port1.postMessage(wanted);
          await use(await encoded, memory);
        } finally {
          port1.close();
          end();
        }
      };
      return { read, finish };
    } catch (error) {
      port1.close();
      throw error;
    }
  }

  #openPool(): Piscina {
    return new Piscina({
      filename: workerFile('share/ingest-worker').href,
      minThreads: this.#workers,
      maxThreads: this.#workers,
      concurrentTasksPerWorker: jobsPerWorker,
      atomics: 'disabled', // a worker that waits for an answer must hear of its next task
      resourceLimits: {
        maxOldGenerationSizeMb: workerMemoryMb,
        maxYoungGenerationSizeMb: workerYoungMemoryMb,
      },
    });
  }
}
