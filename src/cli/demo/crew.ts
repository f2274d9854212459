/** The three peers together: what they hold, when they agree, and what they sent. */
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { ShoalError } from '../../error.js';
import type { ShareEvent, Status } from '../../share/index.js';
import { formatBytes, shortId } from '../format.js';
import { DemoPeer } from './demo-peer.js';
import { freeUdpPorts } from './free-ports.js';

/** What all three are to hold. */
export interface Content {
  readonly files: number;
  readonly bytes: number;
  /** The root before the change, which must be gone. */
  readonly notRoot: string | undefined;
}

export interface CrewOptions {
  readonly directory: string;
  readonly program: string;
  readonly now: () => number;
  readonly onEvent: (peer: DemoPeer, event: ShareEvent) => void;
  readonly signal: AbortSignal;
}

/** Statuses are asked for when a peer says it is in sync, and otherwise so often. */
const pollMs = 200;
/** A step takes seconds; a machine that is busy with other things may need much longer. */
const stepLimitMs = 120_000;

export class Crew {
  readonly first: DemoPeer;
  readonly second: DemoPeer;
  readonly third: DemoPeer;
  readonly #options: CrewOptions;
  readonly #news = new EventEmitter();

  private constructor(options: CrewOptions, ports: readonly number[]) {
    this.#options = options;
    const peer = (number: number): DemoPeer =>
      new DemoPeer({
        name: `peer ${number}`,
        directory: join(options.directory, `peer-${number}`),
        port: ports[number - 1] ?? 0,
        program: options.program,
        now: options.now,
        onEvent: (from, event) => this.tell(from, event),
      });
    this.first = peer(1);
    this.second = peer(2);
    this.third = peer(3);
  }

  static async gather(options: CrewOptions): Promise<Crew> {
    return new Crew(options, await freeUdpPorts(3));
  }

  get all(): readonly DemoPeer[] {
    return [this.first, this.second, this.third];
  }

  /** Takes in what a peer reports. */
  tell(peer: DemoPeer, event: ShareEvent): void {
    this.#options.onEvent(peer, event);
    this.#news.emit(newsOf(event.event));
  }

  /** Bytes that all three have handed to the network since the demo began, as of their last statuses. */
  get bytesOut(): number {
    return this.all.reduce((sum, peer) => sum + peer.bytesOut, 0);
  }

  /**
   * Waits until all three hold `content` under one root.
   * @returns the root
   * @throws ShoalError UNREACHABLE if that takes too long
   */
  async converge(content: Content): Promise<string> {
    let statuses: Status[] = [];
    await this.until(
      'insync',
      pollMs,
      async () => {
        statuses = await Promise.all(this.all.map((peer) => peer.status()));
        const root = statuses[0]?.root;
        return (
          root !== content.notRoot &&
          statuses.every(
            (status) =>
              status.root === root &&
              status.inSync &&
              status.files === content.files &&
              status.bytes === content.bytes,
          )
        );
      },
      () => `expected ${content.files} files and ${formatBytes(content.bytes)}; ${describe(statuses)}`,
    );
    return statuses[0]?.root ?? '';
  }

  /** Asks `isReached` at once, after each `news` event of a peer, and every `everyMs`. */
  async until(
    news: ShareEvent['event'],
    everyMs: number,
    isReached: () => Promise<boolean>,
    explain: () => string,
  ): Promise<void> {
    const { now, signal } = this.#options;
    const deadline = now() + stepLimitMs;
    while (!(await isReached())) {
      signal.throwIfAborted();
      if (now() >= deadline) {
        throw new ShoalError(
          'UNREACHABLE',
          `The peers did not agree within ${stepLimitMs / 1000} s: ${explain()}. Is UDP on 127.0.0.1 blocked?`,
        );
      }
      await this.#newsOrPause(news, everyMs);
    }
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((peer) => peer.stop()));
  }

  async #newsOrPause(news: ShareEvent['event'], pauseMs: number): Promise<void> {
    // Not AbortSignal.timeout: in Node 20 that one is collected as garbage inside `any`, and never comes.
    const pause = new AbortController();
    const timer = setTimeout(() => pause.abort(), pauseMs);
    const signal = AbortSignal.any([this.#options.signal, pause.signal]);
    // Both ends of the pause, the news and the signal, only mean: look again.
    await once(this.#news, newsOf(news), { signal }).catch(() => undefined);
    clearTimeout(timer);
  }
}

/** An emitter would throw a bare `error`. */
function newsOf(event: ShareEvent['event']): string {
  return `news ${event}`;
}

function describe(statuses: readonly Status[]): string {
  return statuses
    .map(({ root, files, bytes, inSync }, index) => {
      const state = inSync ? 'in sync' : 'not in sync';
      return `peer ${index + 1} has ${files} files, ${formatBytes(bytes)}, root ${shortId(root)}, ${state}`;
    })
    .join('; ');
}
