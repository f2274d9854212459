/**
 * A replica: the own tree, the local state and the keys of one device in one share, over the store.
 *
 * Invariants:
 * - The own tree changes only in `commit`, under `exclusive`, in one durable batch with the state and the stat records.
 * - A stat record of a path exists only while the tree's entry is what a file with that stat contains.
 * - A head is signed only after everything under its root is durable.
 * It does not scan, does not talk to peers, and does not touch the user's files.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  type ChunkId,
  type ChunkingParameters,
  chunkingParametersOf,
  deriveKey,
  encodeChunk,
} from '../chunking/index.js';
import { ShoalError } from '../error.js';
import type { FileStat } from '../folder/index.js';
import {
  deleteEntry,
  type Entry,
  mtimeNsOf,
  type NodeStore,
  type RelPath,
  supersede,
  Tree,
  type Write,
} from '../manifest/index.js';
import type { ChunkStore, RecordChange, Store } from '../store/index.js';
import {
  actorIdFromBytes,
  type DeviceId,
  deviceIdFromBytes,
  type ShareId,
  type SignedHead,
  shareIdToBytes,
  signHead,
} from '../trust/index.js';
import { Activity } from './activity.js';
import { Mutex } from './mutex.js';
import {
  decodeLocalState,
  encodeLocalState,
  encodeStatRecord,
  encodeStatRecords,
  type LocalState,
  pathKey,
  type StatRecord,
  seenKey,
} from './records.js';
import { RootHistory } from './root-history.js';
import type { Secrets } from './secrets.js';

/** What becomes of the stat record of `path`; undefined: it goes. */
export interface StatChange {
  readonly path: RelPath;
  readonly record: StatRecord | undefined;
}

/** What one commit changes. */
export interface Change {
  readonly entries?: readonly Entry[];
  readonly removed?: readonly RelPath[];
  /** No path twice. */
  readonly stats?: readonly StatChange[];
  readonly journalDone?: readonly RelPath[];
  /** What is found in doubt, with its stat: see rot.ts. Undefined: it is not any more. */
  readonly doubts?: ReadonlyMap<RelPath, FileStat | undefined>;
}

/** What an ingest needs of a chunk store. */
export type Intake = Pick<ChunkStore, 'hasMany' | 'put' | 'give'>;

/** Takes everything for being there already. */
const nothingKept: Intake = {
  hasMany: (ids) => Promise.resolve(ids.map(() => true)),
  put: () => Promise.resolve(),
  give: () => Promise.resolve(),
};

const stateKey = 'local';
/** Records that are deleted together. */
const recordsPerBatch = 4096;

export class Replica {
  readonly share: ShareId;
  readonly device: DeviceId;
  readonly store: Store;
  readonly tree: Tree;
  readonly nodes: NodeStore;
  readonly cutting: ChunkingParameters;
  readonly secrets: Secrets;
  /** Where the content of the user's files goes. */
  readonly intake: Intake;
  /** A rehearsal keeps nothing: see `rehearse`. */
  readonly isRehearsal: boolean;
  readonly history: RootHistory;
  /** Scans, pulls, and whatever else relies on chunks that the own tree does not name yet. */
  readonly activity: Activity;
  readonly #lock = new Mutex();
  readonly #collections = new Mutex();
  readonly #now: () => number;
  /** But for the count of writes, which goes on while a commit is under way. */
  #state: Omit<LocalState, 'counter'>;
  #counter: number;
  /** Counts changes of entries and stat records, since this process began. */
  #revision = 0;
  /** Writes that were counted under the actor when the replica was opened. */
  #counterAtOpen: number;

  private constructor(options: {
    share: ShareId;
    secrets: Secrets;
    store: Store;
    tree: Tree;
    nodes: NodeStore;
    state: LocalState;
    history: RootHistory;
    activity: Activity;
    now: () => number;
    isRehearsal?: boolean;
  }) {
    this.share = options.share;
    this.secrets = options.secrets;
    this.device = deviceIdFromBytes(options.secrets.device.publicKey);
    this.store = options.store;
    this.tree = options.tree;
    this.nodes = options.nodes;
    this.history = options.history;
    this.activity = options.activity;
    this.cutting = chunkingParametersOf(shareIdToBytes(options.share));
    const { actor, sequence, root, headTime } = options.state;
    this.#state = { actor, sequence, root, headTime };
    this.#counter = options.state.counter;
    this.#counterAtOpen = options.state.counter;
    this.#now = options.now;
    this.isRehearsal = options.isRehearsal === true;
    this.intake = this.isRehearsal ? nothingKept : options.store.chunks;
  }

  /**
   * Reads the local state; a store without one begins with an empty tree and a new actor. A tree that cannot be read
   * is not given up for an empty one: it can come back from the peers (repair-tree.ts).
   */
  static async open(options: {
    share: ShareId;
    secrets: Secrets;
    store: Store;
    now: () => number;
  }): Promise<Replica> {
    const nodes = nodeStoreOver(options.store);
    const tree = treeOver(nodes, options.share);
    const bytes = await options.store.getRecord('state', stateKey);
    const known = bytes === undefined ? undefined : decodeLocalState(bytes);
    const state = known ?? (await beginState(tree));
    const history = await RootHistory.open(options.store);
    const replica = new Replica({ ...options, tree, nodes, state, history, activity: new Activity() });
    if (known === undefined) await replica.exclusive(() => replica.commit({}));
    else await replica.#noteRoot();
    return replica;
  }

  /**
   * A root that no head was signed over (by `init`, or before a crash) is a state of the folder all the same. One that
   * cannot be read is not: it could not be brought back, and would stop every collection.
   */
  async #noteRoot(): Promise<void> {
    const { root, sequence } = this.#state;
    if ((await this.nodes.get(root)) === undefined) return;
    const noted = await this.history.note({ time: this.#now(), root }, sequence);
    if (noted.length > 0) await this.store.commit(noted, { durable: false });
  }

  /** The own tree as the store has it, without the nodes that are in memory. */
  get storedTree(): Tree {
    return treeOver(this.nodes, this.share);
  }

  /**
   * A copy that can be scanned and merged into without consequence: its commits change its root and nothing in the
   * store, and what files contain is not kept. Only tree nodes are put, to which nothing refers.
   */
  rehearse(): Replica {
    return new Replica({
      share: this.share,
      secrets: this.secrets,
      store: this.store,
      tree: this.tree,
      nodes: this.nodes,
      state: this.state,
      history: this.history,
      activity: this.activity,
      now: this.#now,
      isRehearsal: true,
    });
  }

  get root(): ChunkId {
    return this.#state.root;
  }

  get state(): LocalState {
    return { ...this.#state, counter: this.#counter };
  }

  /** Another one than before: an entry or a stat record has changed. */
  get revision(): number {
    return this.#revision;
  }

  /** Keeps what was seen of the folder, unless an entry or a stat record has changed since `revision`. */
  async noteSeen(seen: Uint8Array, revision: number): Promise<void> {
    await this.exclusive(async () => {
      if (this.isRehearsal || revision !== this.#revision) return;
      await this.store.commit([{ kind: 'seen', key: seenKey, value: seen }], { durable: false });
    });
  }

  /** Runs `task` while nobody else changes the own tree. Not re-entrant. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#lock.run(task);
  }

  /** Runs a collection while no other one runs. Not inside `exclusive`, nor inside an activity: it waits for both. */
  collecting<T>(task: () => Promise<T>): Promise<T> {
    return this.#collections.run(task);
  }

  /** The next write of this device, made of content last changed at `mtimeNs`. Counted durably by the next `commit`. */
  nextWrite(mtimeNs: bigint): Write {
    this.#counter++;
    return { actor: this.#state.actor, counter: this.#counter, mtimeNs };
  }

  /** Changes the own tree, durably, with everything that goes with it. Call under `exclusive`. */
  async commit(change: Change): Promise<void> {
    const { entries = [], removed = [] } = change;
    const isOther = entries.length + removed.length > 0;
    const root = isOther ? await this.tree.apply(this.#state.root, entries, removed) : this.#state.root;
    const { actor, sequence, headTime } = this.#state;
    const state = { actor, sequence, root, headTime };
    await this.#write(state, change);
    this.#state = state;
  }

  /**
   * Puts `root` in the place of a tree that cannot be read any more; every stat record of a path that changes with it
   * must go, and since that cannot be told all of them do. Call under `exclusive`.
   */
  async renewTree(root: ChunkId): Promise<void> {
    const stats: RecordChange[] = [{ kind: 'seen', key: seenKey, delete: true }];
    for await (const [key] of this.store.records('stat', { onDamage: () => undefined })) {
      stats.push({ kind: 'stat', key, delete: true });
      if (stats.length >= recordsPerBatch) await this.store.commit(stats.splice(0), { durable: false });
    }
    const state = { ...this.#state, root };
    await this.#write(state, {}, stats);
    this.#state = state;
  }

  /** Signs a head over the own tree, with the next sequence number, and keeps it: peers may show it to us again. */
  signHead(): Promise<SignedHead> {
    assert(!this.isRehearsal, 'a rehearsal says nothing to others');
    return this.exclusive(async () => {
      const { share, device } = this;
      const time = Math.max(this.#now(), this.#state.headTime + 1);
      const state = { ...this.#state, sequence: this.#state.sequence + 1, headTime: time };
      const { actor, sequence, root } = state;
      const head = signHead(this.secrets.device.privateKey, { share, device, actor, sequence, root, time });
      const noted = await this.history.note({ time: this.#now(), root }, sequence);
      await this.#write(state, {}, [{ kind: 'head', key: device, value: head.bytes }, ...noted]);
      this.#state = state;
      return head;
    });
  }

  /**
   * The state was rolled back or copied (peers know later heads): counts on under a new actor, so that no dot is used
   * twice. What was written since this replica was opened is written again under the new actor, because the old dots
   * may stand for other writes elsewhere.
   * @param headTime - unix ms of the latest head that peers know: the next one comes after it
   */
  takeNewActor(headTime: number): Promise<void> {
    return this.exclusive(async () => {
      const { actor, headTime: ownTime } = this.#state;
      // Nothing was written since: then the tree, which may not be whole, need not be read.
      const isUnchanged = this.#counter <= this.#counterAtOpen;
      this.#counter = 0;
      this.#state = {
        ...this.#state,
        actor: actorIdFromBytes(randomBytes(8)),
        sequence: 0,
        headTime: Math.max(headTime, ownTime),
      };
      const entries: Entry[] = [];
      for await (const entry of isUnchanged ? [] : this.tree.entries(this.#state.root)) {
        if ((entry.version.get(actor) ?? 0) <= this.#counterAtOpen) continue;
        const write = this.nextWrite(entry.kind === 'deleted' ? 0n : mtimeNsOf(entry));
        entries.push(
          entry.kind === 'deleted' ? deleteEntry(entry, write) : supersede(entry, entry.path, entry, write),
        );
      }
      await this.commit({ entries });
      this.#counterAtOpen = 0;
    });
  }

  async #write(
    state: Omit<LocalState, 'counter'>,
    change: Change,
    more: readonly RecordChange[] = [],
  ): Promise<void> {
    const { entries, removed, stats, doubts } = change;
    const counts = [entries?.length, removed?.length, stats?.length, doubts?.size];
    const isOther = state.root !== this.#state.root || counts.some((count = 0) => count > 0);
    if (isOther) this.#revision++;
    if (this.isRehearsal) return;
    const value = encodeLocalState({ ...state, counter: this.#counter });
    const batch: RecordChange[] = [{ kind: 'state', key: stateKey, value }, ...more];
    if (isOther) batch.push({ kind: 'seen', key: seenKey, delete: true });
    for (const one of statRecordChanges(stats ?? [])) batch.push(one);
    for (const [path, stat] of doubts ?? []) {
      const key = pathKey(path);
      batch.push(
        stat === undefined
          ? { kind: 'blocked', key, delete: true }
          : { kind: 'blocked', key, value: encodeStatRecord({ stat, racy: false }) },
      );
    }
    for (const path of change.journalDone ?? [])
      batch.push({ kind: 'journal', key: pathKey(path), delete: true });
    await this.store.commit(batch, { durable: true });
  }
}

function statRecordChanges(stats: readonly StatChange[]): RecordChange[] {
  const changes: RecordChange[] = [];
  const keys: string[] = [];
  const records: StatRecord[] = [];
  for (const { path, record } of stats) {
    if (record === undefined) {
      changes.push({ kind: 'stat', key: pathKey(path), delete: true });
      continue;
    }
    keys.push(pathKey(path));
    records.push(record);
  }
  if (keys.length > 0) changes.push({ kind: 'stat', keys, values: encodeStatRecords(records) });
  return changes;
}

function nodeStoreOver(store: Store): NodeStore {
  return {
    get: (id) => store.chunks.get(id),
    put: (id, bytes) => store.chunks.put(id, encodeChunk(bytes)),
  };
}

function treeOver(nodes: NodeStore, share: ShareId): Tree {
  return new Tree(nodes, deriveKey('shoal manifest tree v1', shareIdToBytes(share)));
}

async function beginState(tree: Tree): Promise<LocalState> {
  return {
    actor: actorIdFromBytes(randomBytes(8)),
    counter: 0,
    sequence: 0,
    root: await tree.emptyRoot(),
    headTime: 0,
  };
}

/** @throws ShoalError CHUNK_MISSING: what a plan relied on is not in the store */
export function chunkMissing(id: ChunkId): ShoalError {
  return new ShoalError(
    'CHUNK_MISSING',
    `Chunk ${id.slice(0, 12)} is not in the store: run \`shoal verify\`, or wait for a peer that has it.`,
    {
      data: { id },
    },
  );
}
