/** A peer of a test: a folder in a scratch directory, run by a daemon in this process. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Daemon } from '../../src/share/daemon.js';
import { type Invitation, initShare, invite, joinShare, type ShareEvent } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { runShare } from '../../src/share/run.js';
import type { AskSpace } from '../../src/share/space.js';

const now = (): number => Date.now();

export async function scratchDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

interface StartOptions {
  watch?: boolean;
  peers?: string[];
  limitUp?: string;
  limitDown?: string;
  askSpace?: AskSpace;
}

export class Peer {
  readonly directory: string;
  readonly events: ShareEvent[] = [];
  daemon: Daemon | undefined;
  #stop = new AbortController();
  #ended: Promise<void> = Promise.resolve();

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async init(directory: string, name: string): Promise<Peer> {
    await mkdir(directory, { recursive: true });
    await initShare({ directory, name, now });
    return new Peer(directory);
  }

  /** Joins with a ticket of `inviter`, which must be running. */
  static async join(directory: string, name: string, inviter: Peer, role: 'rw' | 'ro' = 'rw'): Promise<Peer> {
    const { ticket } = await inviter.invite(role);
    await joinShare({ ticket, directory, name, waitMs: 20_000, now, signal: new AbortController().signal });
    return new Peer(directory);
  }

  invite(role: 'rw' | 'ro'): Promise<Invitation> {
    const port = this.running.mesh.address.port;
    return invite(layoutOf(this.directory), {
      role,
      expires: now() + 3_600_000,
      addresses: [`127.0.0.1:${port}`],
      now,
    });
  }

  get running(): Daemon {
    if (this.daemon === undefined) throw new Error(`${this.directory} is not running`);
    return this.daemon;
  }

  /** Runs the share until `stop`. */
  async start(options: StartOptions = {}): Promise<void> {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    await new Promise<void>((resolve, reject) => {
      this.#ended = runShare(
        layoutOf(this.directory),
        {
          port: 0,
          peers: options.peers ?? [],
          limitUp: options.limitUp,
          limitDown: options.limitDown,
          askSpace: options.askSpace,
          watch: options.watch ?? true,
          now,
          random: Math.random,
          listener: (event) => this.events.push(event),
          signal,
        },
        async (daemon) => {
          this.daemon = daemon;
          resolve();
          await daemon.until(() => false, signal);
        },
      );
      this.#ended.catch(reject);
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    this.daemon = undefined;
  }
}

/** Resolves when all peers have one root and say that they are in sync. */
export async function untilEqual(
  peers: readonly Peer[],
  signal: AbortSignal = AbortSignal.timeout(50_000),
): Promise<void> {
  const equal = (): boolean =>
    new Set(peers.map(({ running }) => running.share.replica.root)).size === 1 &&
    peers.every(({ running }) => running.isInSync);
  while (!equal()) {
    if (signal.aborted || peers.some(({ running }) => running.stopped.aborted))
      throw new Error(`not equal in time: ${JSON.stringify(peers.map(({ events }) => events.slice(-6)))}`);
    const round = new AbortController();
    const either = AbortSignal.any([signal, round.signal]);
    await Promise.race(peers.map(({ running }) => nextChange(running, either)));
    round.abort();
  }
}

/** Resolves when anything changed that `isInSync` may depend on, or `signal` aborts. */
async function nextChange(daemon: Daemon, signal: AbortSignal): Promise<void> {
  let asked = 0;
  await daemon.until(() => asked++ > 0, signal);
}
