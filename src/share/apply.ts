/**
 * Apply: carries out steps of a plan in the user's folder and enters them in the own tree.
 *
 * A batch holds the replica's lock from the check of the own entry to the commit, so that no scan comes between.
 * The contents were written before, so the lock is never held while a large file is. The journal names what is being
 * put in place before the folder is touched; after a crash recover.ts settles what stands there.
 */
import type { Expected, FileStat, Folder, PlaceResult, Staged } from '../folder/index.js';
import { type DeletedEntry, type Entry, encodeEntry, type RelPath, sameEntry } from '../manifest/index.js';
import type { RecordChange } from '../store/index.js';
import { forEachConcurrent } from './concurrency.js';
import type { Step } from './plan.js';
import { decodeStatRecord, pathKey } from './records.js';
import type { Replica, StatChange } from './replica.js';
import { doubtReason, standsInDoubt } from './rot.js';

/** A step whose content, if it has one, is written and waits to be put in place. */
export interface ReadyStep extends Step {
  readonly staged?: Staged;
}

export interface ApplyResult {
  readonly applied: readonly Step[];
  /** Something else stands there: to be scanned, then merged again. */
  readonly differing: readonly RelPath[];
  readonly blocked: ReadonlyMap<RelPath, string>;
}

/** Files put in place at once. */
const placeConcurrency = 16;

export async function apply(
  replica: Replica,
  folder: Folder,
  steps: readonly ReadyStep[],
  signal?: AbortSignal,
): Promise<ApplyResult> {
  if (steps.length === 0) return { applied: [], differing: [], blocked: new Map() };
  try {
    return await replica.exclusive(() => applyBatch(replica, folder, steps, signal));
  } finally {
    for (const { staged } of steps) await staged?.discard();
  }
}

async function applyBatch(
  replica: Replica,
  folder: Folder,
  steps: readonly ReadyStep[],
  signal?: AbortSignal,
): Promise<ApplyResult> {
  await folder.assertPresent();
  const standing = await stepsThatStand(replica, steps);
  await journal(replica, standing);
  const batch = new Batch(replica, folder, signal);
  // The entry changed since the plan was made: whoever asked for the steps is to merge again.
  const overtaken = steps.filter((step) => !standing.includes(step)).map(({ path }) => path);
  try {
    // Deletions and directories depend on the order of the steps; the rest does not.
    const isOrdered = standing.some(({ work, after }) => work === 'delete' || after?.kind === 'directory');
    await forEachConcurrent(standing, isOrdered ? 1 : placeConcurrency, (step) => batch.take(step));
  } finally {
    await batch.commit(standing);
  }
  return batch.result(overtaken);
}

class Batch {
  readonly #replica: Replica;
  readonly #folder: Folder;
  readonly #signal: AbortSignal | undefined;
  readonly #applied: Step[] = [];
  readonly #differing: RelPath[] = [];
  readonly #blocked = new Map<RelPath, string>();
  /** Where the folder failed: what stands there is to be settled by recover.ts. */
  readonly #unsure = new Set<RelPath>();
  readonly #stats = new Map<RelPath, FileStat | undefined>();

  constructor(replica: Replica, folder: Folder, signal: AbortSignal | undefined) {
    this.#replica = replica;
    this.#folder = folder;
    this.#signal = signal;
  }

  async take(step: ReadyStep): Promise<void> {
    this.#signal?.throwIfAborted();
    if (step.work === 'record') {
      this.#applied.push(step);
      return;
    }
    this.#unsure.add(step.path);
    const placed = await this.#place(step);
    this.#unsure.delete(step.path);
    if (placed.outcome === 'differs') this.#differing.push(step.path);
    else if (placed.outcome === 'blocked') this.#blocked.set(step.path, placed.reason);
    else {
      this.#applied.push(step);
      this.#stats.set(step.path, placed.stat);
    }
  }

  /**
   * Enters what was done, once it is durable: what a power cut took back of it, when the tree says it is there, would be
   * taken for a deletion or an edit of the user's. The stats are not racy: these files have the mtime that they were
   * given, and an edit gives them another.
   */
  async commit(steps: readonly Step[]): Promise<void> {
    const stats: StatChange[] = [];
    for (const [path, stat] of this.#stats)
      stats.push({ path, record: stat === undefined ? undefined : { stat, racy: false } });
    const entries = this.#applied.flatMap(({ after }) => (after === undefined ? [] : [after]));
    const removed = this.#applied.filter(({ after }) => after === undefined).map(({ path }) => path);
    const touched = this.#applied.filter(({ work }) => work !== 'record');
    const adjusted = touched.filter(({ work }) => work === 'times');
    await this.#folder.syncPlaces(
      touched.map(({ path }) => path),
      adjusted.map(({ path }) => path),
    );
    const journalDone = steps.map(({ path }) => path).filter((path) => !this.#unsure.has(path));
    await this.#replica.commit({ entries, removed, stats, journalDone });
  }

  result(overtaken: readonly RelPath[]): ApplyResult {
    const differing = [...this.#differing, ...overtaken];
    return { applied: this.#applied, differing, blocked: this.#blocked };
  }

  async #place({ path, before, after, staged }: ReadyStep): Promise<PlaceResult> {
    const expected = await expectedAt(this.#replica, path, before);
    const entry = after ?? goneEntry(path);
    const content = staged === undefined ? {} : { content: staged };
    const placed: PlaceResult =
      expected === undefined
        ? { outcome: 'differs' }
        : await this.#folder.place({ entry, expected, ...content }, this.#signal);
    return blockedInDoubt(this.#replica, this.#folder, before, placed);
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

/** Whether something could be put in place at `path` now: 'placed' if so. Nothing is changed. */
export async function inspect(
  replica: Replica,
  folder: Folder,
  { path, before }: Pick<Step, 'path' | 'before'>,
): Promise<PlaceResult> {
  const expected = await expectedAt(replica, path, before);
  const seen: PlaceResult = expected === undefined ? { outcome: 'differs' } : folder.inspect(path, expected);
  return blockedInDoubt(replica, folder, before, seen);
}

/** What is in doubt would differ at every try: it waits for the user, and is not scanned and merged over and over. */
async function blockedInDoubt(
  replica: Replica,
  folder: Folder,
  before: Entry | undefined,
  result: PlaceResult,
): Promise<PlaceResult> {
  if (result.outcome !== 'differs' || !(await standsInDoubt(replica, folder, before))) return result;
  return { outcome: 'blocked', reason: doubtReason };
}

async function stepsThatStand(replica: Replica, steps: readonly ReadyStep[]): Promise<ReadyStep[]> {
  const standing: ReadyStep[] = [];
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
