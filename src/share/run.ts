/**
 * Running a share in this process, with its control socket: what `watch` and `sync` do. And asking the process
 * that runs one, where there is one: what every other command does first.
 */
import type { ChunkId } from '../chunking/index.js';
import { isShoalError, ShoalError } from '../error.js';
import { escapeForDisplay } from '../folder/index.js';
import { encodeTicket } from '../trust/index.js';
import { makeTicket } from './admission.js';
import { ConnectedPeers } from './chunk-source.js';
import { collect } from './collect.js';
import { parseAddress } from './config.js';
import { askRunning, type ControlQuestion } from './control-client.js';
import { type ControlRequest, ControlServer } from './control-server.js';
import { Daemon, type DaemonOptions } from './daemon.js';
import { withDeadline } from './deadline.js';
import { dryRun } from './dry-run.js';
import { controlSocketPath, type Layout } from './layout.js';
import { type OpenShare, openShare } from './open-share.js';
import { ownAddresses } from './own-address.js';
import { statusAtRest, statusOf } from './status.js';
import { syncOnce } from './sync.js';
import { verifyShare } from './verify-share.js';

/** A process that has just ended may hold the store's lock for a moment longer. */
const lockPatienceMs = 3000;
const lockRetryMs = 100;

/**
 * Opens the share, starts its daemon and control socket, runs `task`, and closes everything in order.
 * @throws ShoalError SHARE_BUSY if another process has it
 */
export async function runShare<T>(
  layout: Layout,
  options: DaemonOptions,
  task: (daemon: Daemon) => Promise<T>,
): Promise<T> {
  let daemon: Daemon | undefined;
  const share = await openPatiently(layout, options, (id) => daemon?.onDamage(id));
  let control: ControlServer | undefined;
  try {
    // The socket opens first, so that other commands find who holds the lock; they wait until the daemon has started.
    const started = Daemon.start(share, options);
    started.catch(() => undefined); // Awaited below; a request may await it too.
    control = await ControlServer.open(await controlSocketPath(layout), async (request, report, signal) =>
      request.command === 'status' && daemon === undefined
        ? statusAtRest(share)
        : answer(await started, options, request, report, signal),
    );
    daemon = await started;
    return await task(daemon);
  } finally {
    await daemon?.stop();
    await control?.close();
    await share.close();
  }
}

/**
 * Asks the process that runs the share; where there is none, opens the share here and runs `local`.
 * @throws ShoalError SHARE_BUSY if a process holds the share and does not answer
 */
export async function askOrOpen<T>(
  layout: Layout,
  question: ControlQuestion,
  local: (share: OpenShare) => Promise<T>,
  now: () => number,
): Promise<T> {
  const path = await controlSocketPath(layout);
  const deadline = now() + lockPatienceMs;
  for (;;) {
    const answered = await askRunning(path, question);
    if (answered !== undefined) return answered as T;
    try {
      const share = await openShare(layout, { now });
      try {
        return await local(share);
      } finally {
        await share.close();
      }
    } catch (error) {
      if (!isShoalError(error, 'SHARE_BUSY') || now() >= deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, lockRetryMs));
    }
  }
}

/** Opens the share; waits a little while an ending process holds it. @throws ShoalError SHARE_BUSY */
export async function openPatiently(
  layout: Layout,
  options: DaemonOptions,
  onDamage: (id: ChunkId) => void = () => undefined,
): Promise<OpenShare> {
  const deadline = options.now() + lockPatienceMs;
  for (;;) {
    try {
      return await openShare(layout, {
        now: options.now,
        onDamage: (id) => {
          options.listener({ event: 'damage', id });
          onDamage(id);
        },
      });
    } catch (error) {
      if (!isShoalError(error, 'SHARE_BUSY') || options.now() >= deadline || options.signal.aborted)
        throw error;
      await new Promise((resolve) => setTimeout(resolve, lockRetryMs));
    }
  }
}

async function answer(
  daemon: Daemon,
  options: DaemonOptions,
  request: ControlRequest,
  report: (progress: unknown) => void,
  gone: AbortSignal,
): Promise<unknown> {
  const { now } = options;
  const given = request.arguments;
  switch (request.command) {
    case 'status':
      return statusOf(daemon);
    case 'sync': {
      for (const peer of listOf(given.peers)) daemon.mesh.addPeer(parseAddress(peer));
      const startedAt = now();
      return withDeadline({ signal: gone, timeoutMs: numberOf(given.timeoutMs) }, (signal) =>
        syncOnce(daemon, { isFresh: false, startedAt, now, signal }),
      );
    }
    case 'dry-run':
      for (const peer of listOf(given.peers)) daemon.mesh.addPeer(parseAddress(peer));
      return dryRun({
        share: daemon.share,
        mesh: daemon.mesh,
        until: (isReached, signal) => daemon.until(isReached, signal),
        timeoutMs: numberOf(given.timeoutMs),
        signal: AbortSignal.any([gone, daemon.stopped]),
        now,
      });
    case 'verify':
      return verifyShare(daemon.share, {
        files: given.files === true,
        store: given.store === true,
        limitMs: given.limitMs === undefined ? undefined : numberOf(given.limitMs),
        source: given.repair === true ? new ConnectedPeers(daemon.mesh) : undefined,
        now,
        onDamagedFile: (path) => options.listener({ event: 'damage', path: escapeForDisplay(path) }),
        // What stood blocked is looked at again.
        onRestored: (path) => daemon.lookAt(path),
        onProgress: report,
        signal: gone,
      });
    case 'gc':
      return collect(daemon.share, { keepMs: numberOf(given.keepMs), now, onProgress: report, signal: gone });
    case 'invite': {
      const addresses = listOf(given.addresses);
      const ticket = await makeTicket(daemon.share.replica, {
        role: given.role === 'ro' ? 'ro' : 'rw',
        expires: numberOf(given.expires),
        addresses: addresses.length > 0 ? addresses : ownAddresses(daemon.mesh.address.port),
      });
      return {
        ticket: encodeTicket(ticket),
        addresses: ticket.addresses,
        role: ticket.role,
        expires: ticket.expires,
      };
    }
    case 'approve':
      return { approved: await daemon.approve() };
    default:
      throw new ShoalError(
        'MALFORMED',
        `The running share does not know the command "${request.command}": is it of another version?`,
      );
  }
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ShoalError('MALFORMED', 'A number is missing in a request on the control socket.');
  }
  return value;
}
