/**
 * The worker threads of an ingest, and what is said between them and this thread. A job speaks twice before its task is
 * done, and waits for one answer: each thread has one port for that, which it makes when it starts, and all its jobs speak
 * on it by number.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { RecordsMade } from '../store/index.js';
import { workerFile } from '../worker-file.js';
import type { Answer, Said, WorkerTask } from './ingest-worker.js';

/** More threads than this would wait for the disk and for this thread. */
const threadsMax = 8;
/** One is read while others wait for their answer. */
const jobsPerThread = 3;
const threadMemoryMb = 64;
const threadYoungMemoryMb = 8;

export class IngestThreads {
  readonly count = Math.min(availableParallelism(), threadsMax);
  /** Most jobs that they work at. */
  readonly jobsMax = this.count * jobsPerThread;
  /** Of the jobs that are not done, by number. */
  readonly #dialogues = new Map<number, Dialogue>();
  #pool: Promise<Piscina> | undefined;
  #closed: Promise<void> | undefined;
  #jobs = 0;

  /** Starts them, for when it is known that there will be more jobs than one; `run` does that too. */
  start(): void {
    this.#started().catch(() => undefined); // thrown to whoever has a job for it
  }

  /** Runs a job in one of them. */
  async run(task: Omit<WorkerTask, 'number'>): Promise<Dialogue> {
    const pool = await this.#started();
    const number = this.#jobs++;
    const whole: WorkerTask = { ...task, number };
    const dialogue = new Dialogue(number, pool.run(whole), () => this.#dialogues.delete(number));
    this.#dialogues.set(number, dialogue);
    return dialogue;
  }

  /** May be called again: it ends when they have ended. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    await (await this.#pool)?.destroy();
  }

  #started(): Promise<Piscina> {
    this.#pool ??= this.#open();
    return this.#pool;
  }

  async #open(): Promise<Piscina> {
    const { Piscina } = await import('piscina'); // loaded by those who have much to take in
    const pool = new Piscina({
      filename: fileURLToPath(workerFile('ingest-worker')),
      minThreads: this.count,
      maxThreads: this.count,
      concurrentTasksPerWorker: jobsPerThread,
      recordTiming: false,
      atomics: 'disabled', // a worker that waits for an answer must hear of its next task
      resourceLimits: {
        maxOldGenerationSizeMb: threadMemoryMb,
        maxYoungGenerationSizeMb: threadYoungMemoryMb,
      },
    });
    pool.on('message', (port: MessagePort) => this.#listen(port));
    return pool;
  }

  /** @param port - of a thread that has started */
  #listen(port: MessagePort): void {
    port.on('message', ({ number, said }: Said) => this.#dialogues.get(number)?.hear(port, said));
    port.unref(); // the tasks of the pool keep the process
  }
}

/** With a job: what it says before it is done, in order, and the answer. */
export class Dialogue {
  /** What the job makes when it has its answer. */
  readonly made: Promise<RecordsMade>;
  readonly #number: number;
  readonly #heard: unknown[] = [];
  readonly #failed: Promise<never>;
  #port: MessagePort | undefined;
  #wake: () => void = () => undefined;

  /** @param onDone - called when nothing more will be said */
  constructor(number: number, made: Promise<RecordsMade>, onDone: () => void) {
    this.#number = number;
    this.made = made;
    this.#failed = made.finally(onDone).then(() => new Promise<never>(() => undefined));
    this.#failed.catch(() => undefined); // thrown to whoever waits for what is said next
  }

  /** The next that is said; one caller at a time. @throws what the job failed with */
  async next<T>(): Promise<T> {
    while (this.#heard.length === 0) {
      const heard = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await Promise.race([heard, this.#failed]);
    }
    return this.#heard.shift() as T;
  }

  /** Call when all was heard. @param wanted - a byte for each chunk: 0 if it is not */
  answer(wanted: Uint8Array): void {
    const answer: Answer = { number: this.#number, wanted };
    this.#port?.postMessage(answer);
  }

  hear(port: MessagePort, said: unknown): void {
    this.#port = port;
    this.#heard.push(said);
    this.#wake();
  }
}
