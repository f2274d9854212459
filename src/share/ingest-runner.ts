/**
 * Where the jobs of an ingest run: the first one in this thread, because most scans find little and a worker takes
 * longer to start than that takes to do; all later ones in worker threads, which start meanwhile.
 *
 * Bound: at most so many jobs as the workers can be at, and `jobsForDisk` more, are between their beginning and the end of
 * their use, each in a part of one memory; whoever comes then waits. That memory is shared between the threads and used
 * again: nothing of a file is copied from thread to thread, or left to the garbage collector.
 */
import {
  askForHugePages,
  type ChunkingParameters,
  type SharedMemory,
  sharedMemory,
} from '../chunking/index.js';
import { FileReader, type ReaderOptions } from '../folder/index.js';
import type { RecordsMade } from '../store/index.js';
import { bytesOf, type Job, type JobMemory, jobMemoryBytes, RunningJob } from './ingest-job.js';
import type { IngestThreads } from './ingest-threads.js';
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

/** Jobs that wait for the disk need no worker any more, but their memory: about as many are made while it syncs. */
const jobsForDisk = 14;

export class IngestRunner {
  readonly #folder: ReaderOptions;
  readonly #cutting: ChunkingParameters;
  readonly #threads: IngestThreads;
  readonly #jobsMax: number;
  #memory: SharedMemory | undefined;
  /** The addresses of its parts. */
  readonly #slots: Slots<number>;
  #isFirst = true;
  #isPrepared = false;

  /** Closes `threads` with itself. */
  constructor(folder: ReaderOptions, cutting: ChunkingParameters, threads: IngestThreads) {
    this.#folder = folder;
    this.#cutting = cutting;
    this.#threads = threads;
    this.#jobsMax = threads.jobsMax + jobsForDisk;
    this.#slots = new Slots(Array.from({ length: this.#jobsMax }, (_, index) => index * jobMemoryBytes));
  }

  /** Starts the workers, for when it is known that there will be more jobs than one. May be called again. */
  prepare(): void {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    this.#threads.start();
    askForHugePages(this.#ownMemory());
  }

  /** Runs the first phase of `job`, when there is room. */
  async start(job: Job): Promise<StartedJob> {
    const address = await this.#slots.take();
    const end = (): void => this.#slots.give(address);
    try {
      const place: JobMemory = { memory: this.#ownMemory(), address };
      if (!this.#isFirst) return await this.#startInWorker(job, place, end);
      this.#isFirst = false;
      return this.#startHere(job, place, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#threads.close();
  }

  #ownMemory(): SharedMemory {
    this.#memory ??= sharedMemory(this.#jobsMax * jobMemoryBytes);
    return this.#memory;
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
    const dialogue = await this.#threads.run({ folder: this.#folder, cutting: this.#cutting, ...place, job });
    const pieces = await dialogue.next<PiecesCut>();
    const ids = dialogue.next<Uint8Array>();
    ids.catch(end);
    const finish = async (wanted: Uint8Array, use: UseEncoded): Promise<void> => {
      try {
        dialogue.answer(wanted);
        await use(await dialogue.made, bytesOf(place));
      } finally {
        end();
      }
    };
    return { pieces, ids, finish };
  }
}
