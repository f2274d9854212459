/** A running `shoal watch --json`: its events as values that can be awaited, and its end. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { ShareEvent } from '../../src/share/index.js';
import { patienceMs as defaultPatienceMs, within } from './patience.js';
import { shoalPath } from './repository.js';
import { childEnvironment } from './shoal-command.js';

export type EventName = ShareEvent['event'];
export type EventNamed<Name extends EventName> = Extract<ShareEvent, { readonly event: Name }>;

/** An event and the moment its line was read here, in ms of `performance.now()`. */
export interface Seen<E extends ShareEvent = ShareEvent> {
  readonly event: E;
  readonly at: number;
}

export interface WatchOptions {
  readonly port: number;
  /** HOST:PORT */
  readonly peers?: readonly string[];
}

/** How many of the last lines a failed wait shows. */
const linesShownMax = 40;

export class ShoalProcess {
  readonly directory: string;
  /** Everything it reported so far, in order. */
  readonly seen: Seen[] = [];
  /** Resolves with the exit code, or null after a signal, once all its output was read. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #news = new EventEmitter();
  #stderr = '';
  #hasEnded = false;
  /** How it ended, for people. */
  #end = '';

  private constructor(directory: string, args: readonly string[]) {
    this.directory = directory;
    this.#news.setMaxListeners(0);
    this.#child = spawn(process.execPath, [shoalPath, 'watch', directory, '--json', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: childEnvironment(),
    });
    this.#child.stderr.setEncoding('utf8').on('data', (part: string) => {
      this.#stderr += part;
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, why: string): void => {
        this.#hasEnded = true;
        this.#end = why;
        resolve(code);
        this.#news.emit('news');
      };
      this.#child.once('error', (error) => end(null, error.message));
      this.#child.once('close', (code, signal) => end(code, `ended by ${signal ?? `exit code ${code}`}`));
    });
  }

  static start(directory: string, { port, peers = [] }: WatchOptions): ShoalProcess {
    const peerArgs = peers.flatMap((peer) => ['--peer', peer]);
    return new ShoalProcess(directory, ['--port', String(port), ...peerArgs]);
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return !this.#hasEnded;
  }

  /** The most memory it had resident so far, in bytes; undefined when it is gone or the system does not tell. */
  async peakMemoryBytes(): Promise<number | undefined> {
    const text = await readFile(`/proc/${this.#child.pid}/status`, 'utf8').catch(() => '');
    const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(text)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  }

  /**
   * The first event of that name for which `matches` holds, among those seen from index `from` on.
   * @throws Error if the process ends first, or time runs out
   */
  async waitFor<Name extends EventName>(
    name: Name,
    matches: (event: EventNamed<Name>) => boolean = () => true,
    from = 0,
    patienceMs = defaultPatienceMs,
  ): Promise<Seen<EventNamed<Name>>> {
    const isIt = (seen: Seen): seen is Seen<EventNamed<Name>> =>
      seen.event.event === name && matches(seen.event as EventNamed<Name>);
    let index = from;
    const find = (): Seen<EventNamed<Name>> | undefined => {
      for (; index < this.seen.length; index++) {
        const seen = this.seen[index];
        if (seen !== undefined && isIt(seen)) return seen;
      }
      return undefined;
    };
    return this.#until(find, `${this.directory} reported "${name}"`, patienceMs);
  }

  /** Resolves when `isReached` holds for what was seen; it is asked at every event. */
  async waitUntil(isReached: (seen: readonly Seen[]) => boolean, until: string): Promise<void> {
    await this.#until(() => (isReached(this.seen) ? true : undefined), until);
  }

  /** Ends it at once, or as `signal` says, and resolves when it is gone. Harmless when it is gone already. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#child.kill(signal);
    await within(this.ended, {
      until: `${this.directory} ended after ${signal}`,
      describe: () => this.describe(),
    });
  }

  describe(): string {
    const lines = this.seen
      .slice(-linesShownMax)
      .map(({ event, at }) => `${Math.round(at)} ms ${JSON.stringify(event)}`);
    return [`${this.directory}, ${this.isRunning ? 'running' : this.#end}:`, ...lines, this.#stderr].join(
      '\n  ',
    );
  }

  #take(line: string): void {
    // A killed process may leave half a line.
    if (!line.endsWith('}')) return;
    this.seen.push({ event: JSON.parse(line) as ShareEvent, at: performance.now() });
    this.#news.emit('news');
  }

  async #until<T>(find: () => T | undefined, until: string, patienceMs = defaultPatienceMs): Promise<T> {
    const found = new Promise<T>((resolve, reject) => {
      const look = (): void => {
        const value = find();
        if (value === undefined && !this.#hasEnded) return;
        this.#news.off('news', look);
        if (value === undefined) reject(new Error(`Ended before ${until}.\n${this.describe()}`));
        else resolve(value);
      };
      this.#news.on('news', look);
      look();
    });
    return within(found, { until, describe: () => this.describe(), patienceMs });
  }
}
