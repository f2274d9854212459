/**
 * Apply: carries out steps of a plan in the user's folder and enters them in the own tree.
 *
 * A batch holds the replica's lock from the check of the own entry to the commit, so that no scan comes between.
 * The journal names what is being put in place before the folder is touched; after a crash `recover` settles what
 * stands there: it is taken over, written again, or left to the next scan, and never taken for an edit of the user's.
 */
import { ShoalError } from '../error.js';
import type { Expected, FileStat, Folder, PlaceResult } from '../folder/index.js';
import {
  compareVersions,
  type DeletedEntry,
  decodeEntry,
  type Entry,
  encodeEntry,
  type FileEntry,
  mtimeNsOf,
  type RelPath,
  recipeParts,
  sameContent,
  sameEntry,
  supersede,
} from '../manifest/index.js';
import type { RecordChange } from '../store/index.js';
import { forEachConcurrent } from './concurrency.js';
import { ingest } from './ingest.js';
import type { Step } from './plan.js';
import { decodeStatRecord, pathKey, pathOfKey, type StatRecord } from './records.js';
import { chunkMissing, type Replica } from './replica.js';

export interface ApplyResult {
  readonly applied: readonly Step[];
  /** Something else stands there: to be scanned, then merged again. */
  readonly differing: readonly RelPath[];
  readonly blocked: ReadonlyMap<RelPath, string>;
}

/** Files put in place at once. */
const placeConcurrency = 16;
/** Chunks read ahead of the writing of one file. */
const chunkReadAhead = 16;

export async function apply(
  replica: Replica,
  folder: Folder,
  steps: readonly Step[],
  signal?: AbortSignal,
): Promise<ApplyResult> {
  if (steps.length === 0) return { applied: [], differing: [], blocked: new Map() };
  return replica.exclusive(async () => {
    await folder.assertPresent();
    const standing = await stepsThatStand(replica, steps);
    await journal(replica, standing);
    const batch = new Batch(replica, folder, signal);
    try {
      // Deletions and directories depend on the order of the steps; the rest does not.
      const isOrdered = standing.some(({ work, after }) => work === 'delete' || after?.kind === 'directory');
      await forEachConcurrent(standing, isOrdered ? 1 : placeConcurrency, (step) => batch.take(step));
    } finally {
      await batch.commit(standing);
    }
    return batch.result();
  });
}

class Batch {
  readonly #replica: Replica;
  readonly #folder: Folder;
  readonly #signal: AbortSignal | undefined;
  readonly #applied: Step[] = [];
  readonly #differing: RelPath[] = [];
  readonly #blocked = new Map<RelPath, string>();
  readonly #stats = new Map<RelPath, FileStat | undefined>();

  constructor(replica: Replica, folder: Folder, signal: AbortSignal | undefined) {
    this.#replica = replica;
    this.#folder = folder;
    this.#signal = signal;
  }

  async take(step: Step): Promise<void> {
    this.#signal?.throwIfAborted();
    if (step.work === 'record') {
      this.#applied.push(step);
      return;
    }
    const placed = await this.#place(step);
    if (placed.outcome === 'differs') this.#differing.push(step.path);
    else if (placed.outcome === 'blocked') this.#blocked.set(step.path, placed.reason);
    else {
      this.#applied.push(step);
      this.#stats.set(step.path, placed.stat);
    }
  }

  /** Enters what was done; a stat is kept only if the file still has it, and is not racy by now. */
  async commit(steps: readonly Step[]): Promise<void> {
    const stats = new Map<RelPath, StatRecord | undefined>();
    for (const [path, stat] of this.#stats)
      stats.set(path, stat === undefined ? undefined : { stat, racy: false });
    const entries = this.#applied.flatMap(({ after }) => (after === undefined ? [] : [after]));
    const removed = this.#applied.filter(({ after }) => after === undefined).map(({ path }) => path);
    await this.#replica.commit({ entries, removed, stats, journalDone: steps.map(({ path }) => path) });
  }

  result(): ApplyResult {
    return { applied: this.#applied, differing: this.#differing, blocked: this.#blocked };
  }

  async #place({ path, before, after, work }: Step): Promise<PlaceResult> {
    const expected = await expectedAt(this.#replica, path, before);
    if (expected === undefined) return { outcome: 'differs' };
    const entry = after ?? goneEntry(path);
    const content =
      work === 'content' && entry.kind === 'file' ? { content: () => fileContent(this.#replica, entry) } : {};
    return this.#folder.place({ entry, expected, ...content }, this.#signal);
  }
}

/** What the stat cache says stands at `path`; undefined if it cannot vouch for it, so that a scan has to look first. */
async function expectedAt(
  replica: Replica,
  path: RelPath,
  before: Entry | undefined,
): Promise<Expected | undefined> {
  if (before === undefined || before.kind === 'deleted') return { kind: 'absent' };
  if (before.kind === 'directory') return { kind: 'directory' };
  const bytes = await replica.store.getRecord('stat', pathKey(path));
  if (bytes === undefined) return undefined;
  const record = decodeStatRecord(bytes);
  return record.racy ? undefined : { kind: before.kind, stat: record.stat };
}

/** The plain bytes of a file, each chunk re-hashed by the store, read a little ahead. */
async function* fileContent(replica: Replica, entry: FileEntry): AsyncGenerator<Uint8Array> {
  const ahead: Promise<Uint8Array>[] = [];
  const read = async (part: {
    id: Parameters<typeof chunkMissing>[0];
    length: number;
  }): Promise<Uint8Array> => {
    const bytes = await replica.store.chunks.get(part.id);
    if (bytes === undefined) throw chunkMissing(part.id);
    if (bytes.length !== part.length)
      throw new ShoalError('MALFORMED', `The recipe of ${entry.path} names a wrong chunk length.`);
    return bytes;
  };
  try {
    for await (const part of recipeParts(replica.nodes, entry.recipe)) {
      const next = read(part);
      next.catch(() => undefined); // It is awaited below, in order; until then it must not count as unhandled.
      ahead.push(next);
      if (ahead.length >= chunkReadAhead) yield await (ahead.shift() as Promise<Uint8Array>);
    }
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next;
  } finally {
    await Promise.allSettled(ahead);
  }
}

async function stepsThatStand(replica: Replica, steps: readonly Step[]): Promise<Step[]> {
  const standing: Step[] = [];
  for (const step of steps) {
    if (sameEntry(await replica.tree.get(replica.root, step.path), step.before)) standing.push(step);
  }
  return standing;
}

async function journal(replica: Replica, steps: readonly Step[]): Promise<void> {
  const batch: RecordChange[] = steps
    .filter(({ work }) => work !== 'record')
    .map(({ path, after }) => ({
      kind: 'journal',
      key: pathKey(path),
      value: after === undefined ? new Uint8Array() : encodeEntry(after),
    }));
  if (batch.length > 0) await replica.store.commit(batch, { durable: true });
}

function goneEntry(path: RelPath): DeletedEntry {
  return { kind: 'deleted', path, version: new Map() };
}

/**
 * Settles what a crash left in the journal. For each path: what should be there and is, is entered in the tree;
 * a file with the time it should have and other bytes was torn by a power loss, and is written again; anything
 * else is the user's, and the next scan looks at it.
 */
export async function recover(replica: Replica, folder: Folder): Promise<number> {
  let settled = 0;
  for await (const [key, bytes] of replica.store.records('journal')) {
    const path = pathOfKey(key);
    await replica.exclusive(() =>
      settle(replica, folder, path, bytes.length === 0 ? undefined : decodeEntry(bytes)),
    );
    settled++;
  }
  return settled;
}

async function settle(
  replica: Replica,
  folder: Folder,
  path: RelPath,
  entry: Entry | undefined,
): Promise<void> {
  const ignore = await folder.loadIgnore();
  const found = await folder.look(path, ignore);
  const current = await replica.tree.get(replica.root, path);
  const leave = (): Promise<void> =>
    replica.commit({ stats: new Map([[path, undefined]]), journalDone: [path] });
  if (entry === undefined || entry.kind === 'deleted') {
    if (found !== undefined || !isOlder(current, entry)) return leave();
    const change = entry === undefined ? { removed: [path] } : { entries: [entry] };
    return replica.commit({ ...change, stats: new Map([[path, undefined]]), journalDone: [path] });
  }
  if (found === undefined || found.kind === 'blocked' || found.kind === 'unreadable') return leave();
  if (found.kind !== entry.kind || !isOlder(current, entry)) return leave();
  const ingested = await ingest(replica, folder, found);
  if (ingested === undefined) return leave();
  const standing = supersede(undefined, path, ingested.content, {
    actor: '0000000000000000',
    counter: 1,
    mtimeNs: ingested.mtimeNs,
  });
  if (sameContent(standing, entry)) {
    return replica.commit({ entries: [entry], stats: new Map([[path, undefined]]), journalDone: [path] });
  }
  if (entry.kind === 'file' && found.kind === 'file' && isSameTime(mtimeNsOf(entry), found.stat.mtimeNs)) {
    const placed = await folder.place({
      entry,
      expected: { kind: 'file', stat: found.stat },
      content: () => fileContent(replica, entry),
    });
    if (placed.outcome === 'placed') {
      return replica.commit({ entries: [entry], stats: new Map([[path, undefined]]), journalDone: [path] });
    }
  }
  return leave();
}

function isOlder(current: Entry | undefined, entry: Entry | undefined): boolean {
  if (current === undefined || entry === undefined) return true;
  const order = compareVersions(current.version, entry.version);
  return order === 'before' || order === 'equal';
}

function isSameTime(a: bigint, b: bigint): boolean {
  const difference = a - b;
  return difference < 2000n && difference > -2000n;
}
