/**
 * A dry run where no process runs the share: this one holds it meanwhile, with a quiet mesh, so that no peer changes
 * anything because of it. Other commands are answered as if nobody ran the share, or asked to wait.
 */
import { ShoalError } from '../error.js';
import { escapeForDisplay } from '../folder/index.js';
import { pendingTicket } from './claim.js';
import { portTries } from './config.js';
import { ControlServer } from './control-server.js';
import type { DaemonOptions } from './daemon.js';
import { type DryRunResult, dryRun } from './dry-run.js';
import { controlSocketPath, type Layout } from './layout.js';
import { Mesh } from './mesh.js';
import type { MeshEvents } from './mesh-options.js';
import type { OpenShare } from './open-share.js';
import { openPatiently } from './run.js';
import { statusAtRest } from './status.js';

export type DryRunProcessOptions = Omit<DaemonOptions, 'watch'> & { readonly timeoutMs: number };

/** @throws ShoalError UNREACHABLE while the device is no member yet; SHARE_BUSY; CANCELLED when `signal` aborts */
export async function dryRunHere(layout: Layout, options: DryRunProcessOptions): Promise<DryRunResult> {
  const share = await openPatiently(layout, { ...options, watch: false });
  let control: ControlServer | undefined;
  let mesh: Mesh | undefined;
  try {
    if ((await pendingTicket(share.store)) !== undefined) throw noMemberYet();
    control = await ControlServer.open(await controlSocketPath(layout), (request) =>
      request.command === 'status' ? statusAtRest(share) : Promise.reject(busy()),
    );
    const news = new News();
    mesh = await openQuietMesh(share, news, options);
    mesh.start();
    return await rehearse(share, mesh, news, options);
  } finally {
    await mesh?.close();
    await control?.close();
    await share.close();
  }
}

async function rehearse(
  share: OpenShare,
  mesh: Mesh,
  news: News,
  { signal, timeoutMs, now }: DryRunProcessOptions,
): Promise<DryRunResult> {
  // Whoever waits for a node of a peer's tree must not hold up an interruption.
  const giveUp = (): void => mesh.fetcher.close();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await dryRun({
      ...{ share, mesh, signal, timeoutMs, now },
      until: (isReached, until) => news.until(isReached, until),
    });
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function openQuietMesh(share: OpenShare, news: News, options: DryRunProcessOptions): Promise<Mesh> {
  const { listener, port, peers, now, random } = options;
  const poke = (): void => news.tell();
  const events: MeshEvents = {
    onHead: poke,
    onFresh: poke,
    onOwnRole: poke,
    onMembersKept: poke,
    onPeer: poke,
    onReport: (text) => listener({ event: 'report', text: escapeForDisplay(text) }),
    // The next sync is told again, and takes a new actor.
    onRolledBack: poke,
    onError: (error) => news.fail(error),
  };
  return Mesh.open({
    replica: share.replica,
    name: share.config.name,
    host: '0.0.0.0',
    port: port ?? share.config.port,
    portTries: port === undefined ? portTries : 0,
    peers: [...share.config.peers, ...peers],
    limitUp: undefined,
    limitDown: undefined,
    isQuiet: true,
    ...{ now, random, events },
  });
}

/** Something changed: whoever waits asks again. */
class News {
  readonly #listeners = new Set<() => void>();
  #failure: { readonly error: unknown } | undefined;

  tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.tell();
  }

  /** @returns false if `signal` aborts first @throws what `fail` was told */
  until(isReached: () => boolean, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const isDone = isReached();
        if (!isDone && !signal.aborted && this.#failure === undefined) return;
        this.#listeners.delete(check);
        signal.removeEventListener('abort', check);
        if (this.#failure !== undefined) reject(this.#failure.error as Error);
        else resolve(isDone);
      };
      this.#listeners.add(check);
      signal.addEventListener('abort', check);
      check();
    });
  }
}

function noMemberYet(): ShoalError {
  return new ShoalError(
    'UNREACHABLE',
    'The inviter has not answered the ticket of this device yet, so nothing is known of the share: run `shoal sync` first.',
  );
}

function busy(): ShoalError {
  return new ShoalError('SHARE_BUSY', 'A dry run holds the share: wait until it is done, and try again.');
}
