/**
 * Fetcher: `fetch(id)` as a promise, over the pull planner. It sends what the planner decides, checks every chunk
 * that arrives against its id, and keeps it in the store before the promise resolves.
 *
 * Bounds: at most `wantedBytesMax` are wanted at a time, whoever asks; the planner bounds what is requested of one peer.
 * A limit on the rate holds chunks back before anybody is asked for them, so that no peer's stream fills up behind it,
 * and no peer counts as stalled for what it was not asked.
 */
import { type ChunkId, type EncodedChunk, plainOfChunk } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import type { ChunkStore } from '../store/index.js';
import {
  idsPerMessageMax,
  type Message,
  type PullEffect,
  type PullEvent,
  PullPlanner,
} from '../transfer/index.js';
import type { DeviceId } from '../trust/index.js';
import type { Pacer } from './pacer.js';

export interface FetcherOptions {
  readonly chunks: ChunkStore;
  readonly now: () => number;
  readonly pacer: Pacer;
  readonly send: (device: DeviceId, message: Message) => void;
  /** The planner gave up on a peer: close its session. */
  readonly onBadSource: (device: DeviceId, reason: string) => void;
}

interface Waiter {
  readonly bytes: number;
  /** Who may have it, until its turn has come and the planner knows. */
  untold: Set<DeviceId> | undefined;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: ShoalError) => void;
}

const wantedBytesMax = 32 * 1024 * 1024;

export class Fetcher {
  readonly #options: FetcherOptions;
  readonly #planner = new PullPlanner();
  readonly #waiters = new Map<ChunkId, Waiter>();
  readonly #blocked: (() => void)[] = [];
  /** What is to be requested at the end of this turn of the event loop: chunks come, and are wanted, several in a turn. */
  readonly #requests = new Map<DeviceId, Set<ChunkId>>();
  #wantedBytes = 0;
  #isClosed = false;
  /** Bytes of chunks that arrived and were right, as they came over the wire. */
  payloadIn = 0;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the chunk is in the store.
   * @param bytes - upper bound of its plain size
   * @throws ShoalError CHUNK_MISSING if none of `sources` could give it
   */
  async fetch(id: ChunkId, bytes: number, sources: readonly DeviceId[]): Promise<void> {
    const running = this.#waiters.get(id);
    if (running !== undefined) {
      this.#addSources(id, running, sources);
      return running.promise;
    }
    while (this.#wantedBytes >= wantedBytesMax)
      await new Promise<void>((resolve) => this.#blocked.push(resolve));
    if (this.#isClosed) throw closing();
    const again = this.#waiters.get(id);
    if (again !== undefined) {
      this.#addSources(id, again, sources);
      return again.promise;
    }
    const waiter = newWaiter(bytes, sources);
    this.#waiters.set(id, waiter);
    this.#wantedBytes += bytes;
    if (this.#options.pacer.isLimited) this.#wantInTurn(id, waiter);
    else this.#want(id, waiter);
    return waiter.promise;
  }

  /** `source` answers, but later. */
  sourceBusy(source: DeviceId): void {
    this.#handle({ type: 'busy', source });
  }

  sourceUp(source: DeviceId): void {
    this.#handle({ type: 'source-up', source });
  }

  sourceDown(source: DeviceId): void {
    this.#handle({ type: 'source-down', source });
  }

  tick(): void {
    this.#handle({ type: 'tick' });
  }

  /** A chunk came in. Bytes that were not asked for are dropped; those that are not what their id says are counted against the sender. */
  async onChunk(source: DeviceId, id: ChunkId, chunk: EncodedChunk): Promise<void> {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) {
      this.#handle({ type: 'arrived', source, id, bytes: chunk.plainLength });
      return;
    }
    if (plainOfChunk(id, chunk) === undefined) {
      this.#handle({ type: 'wrong', source, id });
      return;
    }
    this.payloadIn += chunk.bytes.length;
    // Its turn was for the most it could take; compressed, or a small node, it took less.
    if (waiter.untold === undefined)
      this.#options.pacer.giveBack(Math.max(0, waiter.bytes - chunk.bytes.length));
    this.#handle({ type: 'arrived', source, id, bytes: chunk.plainLength });
    try {
      await this.#options.chunks.put(id, chunk);
      this.#settle(id, (settled) => settled.resolve());
    } catch (error) {
      const failure =
        error instanceof ShoalError
          ? error
          : new ShoalError('STORE_FAILED', 'A chunk could not be stored.', { cause: error });
      this.#settle(id, (settled) => settled.reject(failure));
    }
  }

  onAbsent(source: DeviceId, ids: readonly ChunkId[]): void {
    this.#handle({ type: 'absent', source, ids });
  }

  /** Rejects everything that is waited for, and whoever asks from now on. */
  close(): void {
    this.#isClosed = true;
    this.#requests.clear();
    this.#options.pacer.close();
    for (const wake of this.#blocked.splice(0)) wake();
    for (const id of [...this.#waiters.keys()]) {
      this.#settle(id, (waiter) => waiter.reject(closing()));
    }
  }

  #wantInTurn(id: ChunkId, waiter: Waiter): void {
    this.#options.pacer.take(waiter.bytes).then(
      () => {
        if (this.#waiters.get(id) === waiter) this.#want(id, waiter);
        else this.#options.pacer.giveBack(waiter.bytes); // It came unasked meanwhile.
      },
      (error: ShoalError) => this.#settle(id, ({ reject }) => reject(error)),
    );
  }

  #want(id: ChunkId, waiter: Waiter): void {
    const sources = [...(waiter.untold ?? [])];
    waiter.untold = undefined;
    this.#handle({ type: 'want', items: [{ id, bytes: waiter.bytes }], sources });
  }

  /** More peers turned out to have what is wanted already. */
  #addSources(id: ChunkId, { bytes, untold }: Waiter, sources: readonly DeviceId[]): void {
    if (untold === undefined) this.#handle({ type: 'want', items: [{ id, bytes }], sources: [...sources] });
    else for (const source of sources) untold.add(source);
  }

  #handle(event: PullEvent): void {
    for (const effect of this.#planner.handle(event, this.#options.now())) this.#perform(effect);
  }

  #perform(effect: PullEffect): void {
    switch (effect.type) {
      case 'request':
        this.#request(effect.source, effect.ids);
        return;
      case 'unobtainable':
        for (const id of effect.ids) this.#settle(id, (waiter) => waiter.reject(unobtainable(id)));
        return;
      case 'distrust':
        this.#options.onBadSource(effect.source, 'it sent bytes that do not match their ids');
        return;
      case 'stalled':
        this.#options.onBadSource(effect.source, 'it stopped answering requests');
        return;
    }
  }

  #request(source: DeviceId, ids: readonly ChunkId[]): void {
    if (this.#requests.size === 0) setImmediate(() => this.#sendRequests());
    const gathered = this.#requests.get(source) ?? new Set();
    this.#requests.set(source, gathered);
    for (const id of ids) gathered.add(id);
  }

  #sendRequests(): void {
    const requests = [...this.#requests];
    this.#requests.clear();
    for (const [source, gathered] of requests) {
      const ids = [...gathered];
      for (let from = 0; from < ids.length; from += idsPerMessageMax)
        this.#options.send(source, { type: 'want', ids: ids.slice(from, from + idsPerMessageMax) });
    }
  }

  #settle(id: ChunkId, finish: (waiter: Waiter) => void): void {
    const waiter = this.#waiters.get(id);
    if (waiter === undefined) return;
    this.#waiters.delete(id);
    this.#wantedBytes -= waiter.bytes;
    finish(waiter);
    if (this.#wantedBytes < wantedBytesMax) this.#blocked.shift()?.();
  }
}

function closing(): ShoalError {
  return new ShoalError('CANCELLED', 'The share is closing; what was fetched is kept.');
}

function unobtainable(id: ChunkId): ShoalError {
  return new ShoalError(
    'CHUNK_MISSING',
    `No connected peer could give chunk ${id.slice(0, 12)}: it is asked for again when one can.`,
    {
      data: { id },
    },
  );
}

function newWaiter(bytes: number, sources: readonly DeviceId[]): Waiter {
  let resolve: () => void = () => undefined;
  let reject: (error: ShoalError) => void = () => undefined;
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { bytes, untold: new Set(sources), promise, resolve, reject };
}
