/**
 * Where the jobs of an ingest run: the first one in this thread, because most scans find little and a worker takes
 * longer to start than that takes to do; all later ones in worker threads, which start meanwhile.
 *
 * Bound: at most `memoriesPerWorker` jobs a worker are between their beginning and the end of their use, each in a part of
 * one memory; whoever comes then waits. That memory is shared between the threads and used again: nothing of a file is
 * copied from thread to thread, or left to the garbage collector.
 */
import { availableParallelism } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { type ChunkingParameters, type SharedMemory, sharedMemory } from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import type { RecordsMade } from '../store/index.js';
import { workerFile } from '../worker-file.js';
import { bytesOf, type Job, type JobMemory, jobMemoryBytes, RunningJob } from './ingest-job.js';
import type { WorkerTask } from './ingest-worker.js';
import type { PiecesCut } from './pieces-cut.js';
import { Slots } from './slots.js';

/** Takes what a job made. `memory` holds the records, until the promise settles. */
export type UseEncoded = (made: RecordsMade, memory: Uint8Array) => Promise<void>;

/** A job whose first phase is done. `ids` must be awaited, and `finish` called, once, unless they cannot be had. */
export interface StartedJob {
  readonly pieces: PiecesCut;
  /** The ids of all chunks, one behind another, 32 bytes each. */
  readonly ids: Promise<Uint8Array>;
  /** @param wanted - a byte for each chunk: 0 if it is not */
  finish(wanted: Uint8Array, use: UseEncoded): Promise<void>;
}

/** More threads than this would wait for the disk and for this thread. */
const workersMax = 8;
/** One is read while others wait for their answer. */
const jobsPerWorker = 3;
/** Others wait for the disk: they need no worker any more, but their memory. */
const memoriesPerWorker = 5;
const workerMemoryMb = 64;
const workerYoungMemoryMb = 8;

export class IngestRunner {
  readonly #folder: ReaderOptions;
  readonly #cutting: ChunkingParameters;
  readonly #workers = Math.min(availableParallelism(), workersMax);
  readonly #jobsMax = this.#workers * memoriesPerWorker;
  #memory: SharedMemory | undefined;
  /** The addresses of its parts. */
  readonly #slots = new Slots(Array.from({ length: this.#jobsMax }, (_, index) => index * jobMemoryBytes));
  #pool: Promise<Piscina> | undefined;
  #isFirst = true;

  constructor(folder: ReaderOptions, cutting: ChunkingParameters) {
    this.#folder = folder;
    this.#cutting = cutting;
  }

  /** Starts the workers, for when it is known that there will be more jobs than one. */
  prepare(): void {
    this.#pool ??= this.#openPool();
    this.#pool.catch(() => undefined); // thrown to whoever has a job for it
  }

  /** Runs the first phase of `job`, when there is room. */
  async start(job: Job): Promise<StartedJob> {
    const address = await this.#slots.take();
    const end = (): void => this.#slots.give(address);
    try {
      this.#memory ??= sharedMemory(this.#jobsMax * jobMemoryBytes);
      const place: JobMemory = { memory: this.#memory, address };
      if (!this.#isFirst) return await this.#startInWorker(job, place, end);
      this.#isFirst = false;
      return this.#startHere(job, place, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async close(): Promise<void> {
    await (await this.#pool)?.destroy();
  }

  #startHere(job: Job, place: JobMemory, end: () => void): StartedJob {
    const running = new RunningJob(new FileReader(this.#folder), this.#cutting, job, place);
    const finish = async (wanted: Uint8Array, use: UseEncoded): Promise<void> => {
      try {
        await use(running.encode(wanted), bytesOf(place));
      } finally {
        end();
      }
    };
    return { pieces: running.pieces, ids: Promise.resolve(running.hash()), finish };
  }

  async #startInWorker(job: Job, place: JobMemory, end: () => void): Promise<StartedJob> {
    this.#pool ??= this.#openPool();
    const pool = await this.#pool;
    const { port1, port2 } = new MessageChannel();
    const task: WorkerTask = { folder: this.#folder, cutting: this.#cutting, ...place, job, port: port2 };
    const made: Promise<RecordsMade> = pool.run(task, { transferList: [port2] });
    const inbox = new Inbox(port1, made);
    try {
      const pieces = await inbox.next<PiecesCut>();
      const ids = inbox.next<Uint8Array>();
      ids.catch(() => {
        port1.close();
        end();
      });
      const finish = async (wanted: Uint8Array, use: UseEncoded): Promise<void> => {
        try {
          port1.postMessage(wanted);
          await use(await made, bytesOf(place));
        } finally {
          port1.close();
          end();
        }
      };
      return { pieces, ids, finish };
    } catch (error) {
      port1.close();
      throw error;
    }
  }

  async #openPool(): Promise<Piscina> {
    const { Piscina } = await import('piscina'); // loaded by those who have much to take in
    return new Piscina({
      filename: workerFile('ingest-worker').href,
      minThreads: this.#workers,
      maxThreads: this.#workers,
      concurrentTasksPerWorker: jobsPerWorker,
      atomics: 'disabled', // a worker that waits for an answer must hear of its next task
      // Piscina loads a worker's file by `require`. Node 20 aborts the process ("IsGraphAsync must be used on an
      // instantiated module") when a thread is ended while it loads an ES module that way; with `import` it does not.
      execArgv: ['--no-experimental-require-module'],
      resourceLimits: {
        maxOldGenerationSizeMb: workerMemoryMb,
        maxYoungGenerationSizeMb: workerYoungMemoryMb,
      },
    });
  }
}

/** What a task sends before it is done, in order. */
class Inbox {
  readonly #messages: unknown[] = [];
  readonly #failed: Promise<never>;
  #wake: () => void = () => undefined;

  /** @param done - of the task: if it fails nothing more will come */
  constructor(port: MessagePort, done: Promise<unknown>) {
    port.on('message', (message: unknown) => {
      this.#messages.push(message);
      this.#wake();
    });
    this.#failed = done.then(() => new Promise<never>(() => undefined));
    this.#failed.catch(() => undefined); // Thrown to whoever waits for a message.
  }

  /** The next message; one caller at a time. @throws what the task failed with */
  async next<T>(): Promise<T> {
    while (this.#messages.length === 0) {
      const arrived = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([arrived, this.#failed]);
    }
    return this.#messages.shift() as T;
  }
}
