/**
 * Merging two trees. Each path that differs is merged as a register (register.ts), together with the conflict copies
 * that came from it; then its writes are placed again: the winner at the path, every other content at its conflict
 * path. A write lives at its origin or at the one conflict path of its origin and content, and nowhere else, so a
 * merge always finds it.
 *
 * Placing writes at a conflict path may push aside what a user put there; that path is then settled in turn.
 *
 * Cost and memory go with the difference. Paths that one device alone has written need no family and are merged as
 * they stream by.
 */
import type { ChunkId } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { conflictPath, conflictPrefix } from './conflict-path.js';
import {
  conflictOfEntry,
  type Entry,
  type LiveEntry,
  liveEntry,
  type NewContent,
  originOfDisplaced,
  type Write,
} from './entry.js';
import { compareWrites, writesMax } from './entry-codec.js';
import {
  countHeads,
  greatestContent,
  type LiveWrite,
  liveWrites,
  mergeRegisters,
  type Placement,
  placeWrites,
  type Register,
  registerOf,
} from './register.js';
import { compareRelPath, parseRelPath, type RelPath } from './rel-path.js';
import type { Tree } from './tree.js';

/** Results are put into the tree in batches of so many, to bound memory. */
const batchEntries = 4096;
/** How often one path may be settled again because something else was put there: two in any honest history. */
const settlingsMax = 16;

/** The displaced writes at a conflict path, and where they come from. */
interface Holder {
  readonly origin: RelPath;
  readonly content: NewContent;
  readonly contentKey: string;
  readonly writes: readonly LiveWrite[];
}

type Sides = readonly [ours: Entry | undefined, theirs: Entry | undefined];

/**
 * The tree that has everything of both and in which no edit is lost. The same on every device, in whatever order
 * trees are merged. Existing structure may break: see `structureFaults`.
 * @throws ShoalError CHUNK_MISSING with `id`; MALFORMED; LIMIT if more devices wrote one path than can be recorded
 */
export async function mergeTrees(tree: Tree, ours: ChunkId, theirs: ChunkId): Promise<ChunkId> {
  if (ours === theirs) return ours;
  return new TreeMerge(tree, ours, theirs).run();
}

class TreeMerge {
  readonly #tree: Tree;
  readonly #ours: ChunkId;
  readonly #theirs: ChunkId;
  #result: ChunkId;
  /** What is not yet in `#result`. */
  #batch = new Map<RelPath, Entry | undefined>();
  /** Paths whose registers must be merged; grows while it is worked through. */
  readonly #touched = new Set<RelPath>();
  /** Of each touched origin, the conflict paths where writes of it stand, stood or will stand. */
  readonly #copies = new Map<RelPath, Set<RelPath>>();
  readonly #settlings = new Map<RelPath, number>();
  /** Of each conflict path, the writes that settled origins displace to it. */
  readonly #displaced = new Map<RelPath, Map<RelPath, readonly LiveWrite[]>>();

  constructor(tree: Tree, ours: ChunkId, theirs: ChunkId) {
    this.#tree = tree;
    this.#ours = ours;
    this.#theirs = theirs;
    this.#result = ours;
  }

  async run(): Promise<ChunkId> {
    for await (const { path, left, right } of this.#tree.diff(this.#ours, this.#theirs)) {
      const origins = [left, right].flatMap((entry) => originOfDisplaced(entry) ?? []);
      for (const origin of origins) {
        this.#touched.add(origin);
        this.#copiesOf(origin).add(path);
      }
      if (origins.length > 0 || !isSimple(left, right)) this.#touched.add(path);
      else await this.#record(path, laterOf(left, right));
    }
    for (const path of this.#touched) if (!this.#settlings.has(path)) await this.#settle(path);
    return this.#flush();
  }

  /** Merges the register of `path` and places its writes. */
  async #settle(path: RelPath): Promise<void> {
    const settlings = (this.#settlings.get(path) ?? 0) + 1;
    this.#settlings.set(path, settlings);
    if (settlings > settlingsMax)
      throw new ShoalError('LIMIT', 'The conflict copies of a path go in circles.', { data: { path } });
    const sides = await this.#sides(path);
    const holder = this.#holder(path, sides);
    const { register, placement } = await this.#place(path, sides, holder?.contentKey);
    await this.#record(path, compose({ path, sides, register, home: placement.home, holder }));
    await this.#displace(path, placement);
  }

  /** Merges the register, taking in every conflict path that turns out to belong to it. */
  async #place(
    path: RelPath,
    sides: Sides,
    heldBy: string | undefined,
  ): Promise<{ register: Register; placement: Placement }> {
    const copies = this.#copiesOf(path);
    if (sides.every(mayHaveAway)) for await (const copy of this.#scanCopies(path)) copies.add(copy);
    for (;;) {
      const copySides = await Promise.all([...copies].map((copy) => this.#sides(copy)));
      const [ours, theirs] = [0, 1].map((side) => {
        const own = copySides.flatMap((pair) => displacedFrom(path, pair[side]));
        return registerOf(sides[side], own);
      }) as [Register, Register];
      const register = mergeRegisters(ours, theirs);
      const placement = placeWrites(register, heldBy);
      const known = copies.size;
      for (const [first] of placement.away)
        if (first !== undefined) copies.add(conflictPath(path, first.content));
      if (copies.size === known) return { register, placement };
    }
  }

  /** Tells the conflict paths of `path` what is displaced to them now, and settles those to which that is news. */
  async #displace(path: RelPath, { away }: Placement): Promise<void> {
    const targets = new Map<RelPath, readonly LiveWrite[]>(
      [...this.#copiesOf(path)].map((copy) => [copy, []]),
    );
    for (const writes of away)
      if (writes[0] !== undefined) targets.set(conflictPath(path, writes[0].content), writes);
    for (const [copy, writes] of targets) {
      const byOrigin = this.#displaced.get(copy) ?? new Map<RelPath, readonly LiveWrite[]>();
      const isNews = !sameWrites(byOrigin.get(path), writes);
      this.#displaced.set(copy, byOrigin.set(path, writes));
      this.#touched.add(copy);
      if (isNews && this.#settlings.has(copy)) await this.#settle(copy);
    }
  }

  /** The displaced writes that hold `path`. */
  #holder(path: RelPath, [ours]: Sides): Holder | undefined {
    const settled = this.#displaced.get(path);
    const claims = [...(settled ?? [])];
    // An origin that is not settled displaces the same writes here in both trees, or is about to say what it displaces.
    const origin = originOfDisplaced(ours);
    if (origin !== undefined && settled?.has(origin) !== true) {
      claims.push([origin, displacedFrom(origin, ours).flatMap((copy) => liveWrites(copy, 'displaced'))]);
    }
    const contentKey = greatestContent(claims.flatMap(([, writes]) => writes));
    for (const [from, all] of claims) {
      const writes = all.filter((write) => write.contentKey === contentKey);
      if (writes[0] !== undefined)
        return { origin: from, content: writes[0].content, contentKey: writes[0].contentKey, writes };
    }
    return undefined;
  }

  async *#scanCopies(path: RelPath): AsyncGenerator<RelPath> {
    const prefix = conflictPrefix(path);
    for await (const entry of this.#tree.entries(this.#ours, { from: parseRelPath(prefix) })) {
      if (!entry.path.startsWith(prefix)) return;
      if (originOfDisplaced(entry) === path) yield entry.path;
    }
  }

  async #sides(path: RelPath): Promise<Sides> {
    return [await this.#tree.get(this.#ours, path), await this.#tree.get(this.#theirs, path)];
  }

  #copiesOf(origin: RelPath): Set<RelPath> {
    const copies = this.#copies.get(origin) ?? new Set();
    this.#copies.set(origin, copies);
    return copies;
  }

  async #record(path: RelPath, entry: Entry | undefined): Promise<void> {
    this.#batch.set(path, entry);
    if (this.#batch.size >= batchEntries) await this.#flush();
  }

  async #flush(): Promise<ChunkId> {
    this.#result = await this.#tree.change(this.#result, this.#batch);
    this.#batch = new Map();
    return this.#result;
  }
}

/** Whether a merge of two entries without displaced writes can do without their conflict copies. */
function isSimple(ours: Entry | undefined, theirs: Entry | undefined): boolean {
  if (ours === undefined || theirs === undefined) return true;
  const [[actor, counter] = ['', 0]] = ours.version;
  const other = theirs.version.get(actor);
  return ours.version.size === 1 && theirs.version.size === 1 && other !== undefined && other !== counter;
}

/** Of two simple entries, the one to keep. */
function laterOf(ours: Entry | undefined, theirs: Entry | undefined): Entry | undefined {
  if (ours === undefined || theirs === undefined) return ours ?? theirs;
  const [[actor, counter] = ['', 0]] = ours.version;
  return (theirs.version.get(actor) ?? 0) > counter ? theirs : ours;
}

/** Whether writes made at the entry's path may stand away from it, and come back. */
function mayHaveAway(entry: Entry | undefined): boolean {
  if (entry === undefined || entry.version.size === 0) return false;
  return countHeads(entry) > 1 || originOfDisplaced(entry) !== undefined;
}

/** The entry, if it holds writes displaced from `origin`. */
function displacedFrom(origin: RelPath, entry: Entry | undefined): LiveEntry[] {
  return entry !== undefined && entry.kind !== 'deleted' && originOfDisplaced(entry) === origin
    ? [entry]
    : [];
}

function sameWrites(a: readonly LiveWrite[] | undefined, b: readonly LiveWrite[]): boolean {
  if (a?.length !== b.length) return false;
  const keys = new Set(a.map(({ write, contentKey }) => `${write.actor}:${write.counter}:${contentKey}`));
  return b.every(({ write, contentKey }) => keys.has(`${write.actor}:${write.counter}:${contentKey}`));
}

interface Composition {
  readonly path: RelPath;
  readonly sides: Sides;
  readonly register: Register;
  readonly home: readonly LiveWrite[];
  readonly holder: Holder | undefined;
}

/** What stands at a path: what was written there and won, and what is displaced to it. */
function compose({ path, sides, register, home, holder }: Composition): Entry | undefined {
  const overtaken = [...register.overtaken].sort();
  const known = { path, version: register.version, ...(overtaken.length === 0 ? {} : { overtaken }) };
  const content = holder?.content ?? home[0]?.content;
  if (content === undefined) return register.version.size === 0 ? undefined : { kind: 'deleted', ...known };
  const displaced = (holder?.writes ?? []).map(({ write }): Write => ({ ...write, displaced: true }));
  const writes = [...home.map(({ write }) => write), ...displaced].sort(compareWrites).slice(-writesMax);
  return liveEntry(known, writes, content, holder?.origin ?? commonOrigin(sides));
}

/** What an edited conflict copy was a copy of, whatever became of it on one side. The sides agree, or one does not know. */
function commonOrigin(sides: Sides): RelPath | undefined {
  const [least] = sides.flatMap((entry) => conflictOfEntry(entry) ?? []).sort(compareRelPath);
  return least;
}
