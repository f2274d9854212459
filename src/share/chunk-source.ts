/**
 * Where chunks come from that the store lacks: the peers. A running share asks those that are connected; without one
 * this device goes out to find them, for a while.
 */
import { type ChunkId, chunkBytesMax } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { DeviceId } from '../trust/index.js';
import { forEachConcurrent } from './concurrency.js';
import { portTries } from './config.js';
import { Mesh } from './mesh.js';
import type { OpenShare } from './open-share.js';
import { parseRate } from './rate.js';

export interface ChunkSource {
  /**
   * Brings chunks into the store, each one checked against its id.
   * @returns those of `ids` that could not be had
   * @throws ShoalError CANCELLED
   */
  obtain(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ChunkId[]>;

  /** The roots that connected members who may write have announced. */
  roots(signal?: AbortSignal): Promise<ChunkId[]>;

  /** Whether the share has other members. */
  hasPeers(): Promise<boolean>;
}

/** Chunks asked for at once; the fetcher and the credit of each peer have bounds of their own. */
const obtainConcurrency = 256;
/** Without a running share: how long it may take until a peer is found. */
const patienceMs = 20_000;

/** The peers that are connected to `mesh` at the moment. */
export class ConnectedPeers implements ChunkSource {
  readonly #mesh: Mesh;

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  get devices(): DeviceId[] {
    return this.#mesh.peers
      .map(({ device }) => device)
      .filter((device) => this.#mesh.session(device) !== undefined);
  }

  async roots(): Promise<ChunkId[]> {
    const connected = new Set(this.devices);
    const heads = this.#mesh
      .heads()
      .filter(({ head: { device } }) => connected.has(device) && this.#mesh.role(device) === 'rw');
    return [...new Set(heads.map(({ head }) => head.root))];
  }

  async hasPeers(): Promise<boolean> {
    return this.#mesh.peers.length > 0;
  }

  async obtain(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ChunkId[]> {
    const failed: ChunkId[] = [];
    const sources = this.devices;
    if (sources.length === 0) return [...ids];
    await forEachConcurrent(ids, obtainConcurrency, async (id) => {
      signal?.throwIfAborted();
      try {
        await this.#mesh.fetcher.fetch(id, chunkBytesMax, sources);
      } catch (error) {
        if (!isShoalError(error, 'CHUNK_MISSING')) throw error;
        failed.push(id);
      }
    });
    return failed;
  }
}

export interface SearchOptions {
  readonly now: () => number;
  readonly random: () => number;
  readonly patienceMs?: number | undefined;
}

/**
 * The peers of a share that nobody runs. The network is opened at the first need; then each peer that is found is asked,
 * until nothing is left to ask for, all of them were asked, or time is up. It serves them meanwhile, but neither scans
 * nor merges.
 */
export class SearchedPeers implements ChunkSource {
  readonly #share: OpenShare;
  readonly #options: SearchOptions;
  readonly #closing = new AbortController();
  #opening: Promise<{ mesh: Mesh; peers: ConnectedPeers }> | undefined;
  #isTimeUp = false;
  /** What made the mesh useless. */
  #failure: { readonly error: unknown } | undefined;
  /** Called when a peer came, or time is up. */
  #wake: (() => void)[] = [];

  constructor(share: OpenShare, options: SearchOptions) {
    this.#share = share;
    this.#options = options;
  }

  async obtain(ids: readonly ChunkId[], signal?: AbortSignal): Promise<ChunkId[]> {
    if (ids.length === 0) return [];
    const { mesh, peers } = await this.#opened;
    let left = [...ids];
    let asked = new Set<DeviceId>();
    for (;;) {
      signal?.throwIfAborted();
      const connected = peers.devices;
      if (connected.some((device) => !asked.has(device))) {
        asked = new Set(connected);
        left = await peers.obtain(left, signal);
        continue;
      }
      const isHopeless = mesh.peers.every(({ device }) => asked.has(device));
      if (left.length === 0 || isHopeless || this.#isTimeUp) return left;
      await this.#nextPeer(signal);
    }
  }

  async roots(signal?: AbortSignal): Promise<ChunkId[]> {
    const { mesh, peers } = await this.#opened;
    const isHeard = (): boolean => mesh.peers.every(({ device }) => mesh.hasFreshHead(device));
    while (!isHeard() && !this.#isTimeUp) {
      signal?.throwIfAborted();
      await this.#nextPeer(signal);
    }
    return peers.roots();
  }

  async hasPeers(): Promise<boolean> {
    return (await this.#opened).mesh.peers.length > 0;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wakeAll();
    if (this.#opening === undefined) return;
    const { mesh } = await this.#opening;
    await mesh.close();
  }

  get #opened(): Promise<{ mesh: Mesh; peers: ConnectedPeers }> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<{ mesh: Mesh; peers: ConnectedPeers }> {
    const { replica, config } = this.#share;
    const { now, random } = this.#options;
    const mesh = await Mesh.open({
      replica,
      name: config.name,
      host: '0.0.0.0',
      port: config.port,
      portTries,
      peers: config.peers,
      limitUp: rateOf(config.limitUp, '"limitUp"'),
      limitDown: rateOf(config.limitDown, '"limitDown"'),
      now,
      random,
      events: {
        onPeer: () => this.#wakeAll(),
        onHead: () => undefined,
        onFresh: () => this.#wakeAll(),
        onOwnRole: () => undefined,
        onMembersKept: () => undefined,
        onReport: () => undefined,
        // `watch` and `sync` settle this when they meet those peers; here nothing is written.
        onRolledBack: () => undefined,
        onError: (error) => this.#fail(error),
      },
    });
    const timer = setTimeout(() => {
      this.#isTimeUp = true;
      this.#wakeAll();
    }, this.#options.patienceMs ?? patienceMs);
    this.#closing.signal.addEventListener('abort', () => clearTimeout(timer));
    mesh.start(await replica.signHead());
    return { mesh, peers: new ConnectedPeers(mesh) };
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wakeAll();
  }

  async #nextPeer(signal?: AbortSignal): Promise<void> {
    this.#throwIfFailed();
    await new Promise<void>((resolve) => {
      this.#wake.push(resolve);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#throwIfFailed();
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #wakeAll(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function rateOf(text: string | undefined, name: string): number | undefined {
  return text === undefined ? undefined : parseRate(text, { name });
}
