/** One of the three peers: a folder, a port, and the process that runs `shoal watch` there. */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { ShoalError } from '../../error.js';
import { findShare, type ShareEvent, type Status, shareStatus } from '../../share/index.js';
import { keepStderr, type ShoalChild, startShoal } from './shoal-process.js';

export interface DemoPeerOptions {
  readonly name: string;
  readonly directory: string;
  /** UDP */
  readonly port: number;
  readonly program: string;
  readonly now: () => number;
  readonly onEvent: (peer: DemoPeer, event: ShareEvent) => void;
}

export class DemoPeer {
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly #options: DemoPeerOptions;
  #child: ShoalChild | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #failure: ShoalError | undefined;
  /** What earlier processes of this peer had sent when they were last asked. */
  #bytesOutBefore = 0;
  #last: Status | undefined;

  constructor(options: DemoPeerOptions) {
    this.name = options.name;
    this.directory = options.directory;
    this.port = options.port;
    this.#options = options;
  }

  /** Starts `shoal watch`; resolves when it is ready. */
  async start(signal: AbortSignal): Promise<void> {
    const child = startShoal(this.#options.program, ['watch', this.directory, '--port', String(this.port)]);
    this.#child = child;
    const stderr = keepStderr(child);
    this.#ended = once(child, 'close').then(() => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#failure = new ShoalError('IO', `${this.name} ended unexpectedly: ${stderr()}`);
    });
    const isReady = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = JSON.parse(line) as ShareEvent;
        if (event.event === 'ready') resolve();
        this.#options.onEvent(this, event);
      });
    });
    const isAborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([isReady, this.#ended, isAborted]);
    signal.throwIfAborted();
    this.assertRunning();
  }

  /** @throws ShoalError IO if the process ended by itself */
  assertRunning(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Asks the running watch over its control socket. */
  async status(): Promise<Status> {
    this.assertRunning();
    this.#last = await shareStatus(await findShare(this.directory), this.#options.now);
    return this.#last;
  }

  /** Bytes handed to the network since the demo began, as of the last `status`. */
  get bytesOut(): number {
    return this.#bytesOutBefore + (this.#last?.transfer.bytesOut ?? 0);
  }

  /** `kill -9` */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.kill(signal);
    await this.#ended;
    this.#bytesOutBefore = this.bytesOut;
    this.#last = undefined;
  }
}
