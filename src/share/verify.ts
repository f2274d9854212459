/**
 * Verify: one pass over the store and the folder that says what is not what it should be. It changes nothing but its
 * own position.
 *
 * A pass has three parts: whether every chunk that the own tree refers to is there (references), whether every chunk in
 * the store hashes to its id (chunks), and whether every file holds what its entry says (files). A run may end
 * anywhere; the next limited one goes on from there.
 *
 * Bounds: of each kind `findingsMax` findings are kept and listed; more are counted.
 */
import { type ChunkId, windowBytes } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { IgnoreRules } from '../folder/index.js';
import { type Entry, type FileEntry, parseRelPath, type RelPath, recipeParts } from '../manifest/index.js';
import { ahead } from './concurrency.js';
import { filesPerJobMax } from './ingest-job.js';
import type { OpenShare } from './open-share.js';
import { FileVerification } from './verify-files.js';
import { type Part, Positions } from './verify-position.js';

export interface VerifyOptions {
  readonly files: boolean;
  readonly store: boolean;
  /**
   * The run ends soon after this time, and goes on where the one before it ended. It looks at something, however short the time.
   * Without a limit it is a whole pass.
   */
  readonly limitMs?: number | undefined;
  readonly now: () => number;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is done of the whole pass, earlier runs included, and how much there is. */
export interface VerifyProgress {
  readonly files: number;
  readonly chunks: number;
  readonly bytes: number;
  readonly filesTotal: number;
  readonly chunksTotal: number;
  readonly bytesTotal: number;
}

/** What a run found. */
export interface Findings {
  readonly files: {
    checked: number;
    /** Changed by somebody since the last scan. */
    changed: number;
    readonly damaged: Set<RelPath>;
    readonly missing: Set<RelPath>;
  };
  readonly chunks: { checked: number; readonly damaged: Set<ChunkId>; readonly missing: Set<ChunkId> };
  /** What is wrong with packs as a whole, by their numbers; 0 is the index. What they lost is among the chunks. */
  readonly packs: Map<number, string>;
  /** Files whose recipe is not whole. */
  readonly unreadRecipes: Set<RelPath>;
  /** Findings beyond those that are kept. */
  unlisted: number;
}

/** How a part looks at entries. */
interface Looks<T> {
  /** Told of what is missing of the tree itself. */
  readonly onMissing: (id: ChunkId) => void;
  /** @returns a result for each of `entries` */
  readonly look: (entries: readonly Entry[]) => Promise<readonly T[]>;
  readonly note: (entry: Entry, result: T) => void;
  /** Told that what is being looked at will not be asked for any more. */
  readonly onEnough?: () => void;
}

/** Findings of a kind that are kept; beyond that they are counted. */
const findingsMax = 10_000;
/** Progress is told at most so often: each time may be a line on the control socket. */
const progressEveryMs = 100;
/** Groups of entries that are looked at at once: while one waits for the store, the disk or a thread, others do not. */
const groupsAhead = 8;
/** Chunks of a recipe that are looked up at once. */
const idsPerLookUp = 256;

export class Verification {
  readonly findings: Findings = {
    files: { checked: 0, changed: 0, damaged: new Set(), missing: new Set() },
    chunks: { checked: 0, damaged: new Set(), missing: new Set() },
    packs: new Map(),
    unreadRecipes: new Set(),
    unlisted: 0,
  };
  readonly #share: OpenShare;
  readonly #options: VerifyOptions;
  readonly #positions: Positions;
  readonly #ignore: IgnoreRules;
  readonly #deadline: number;
  #progress: VerifyProgress;
  #toldAt = Number.NEGATIVE_INFINITY;

  private constructor(
    share: OpenShare,
    options: VerifyOptions,
    parts: { positions: Positions; ignore: IgnoreRules; progress: VerifyProgress },
  ) {
    this.#share = share;
    this.#options = options;
    this.#positions = parts.positions;
    this.#ignore = parts.ignore;
    this.#progress = parts.progress;
    this.#deadline = options.now() + (options.limitMs ?? Number.POSITIVE_INFINITY);
  }

  static async open(share: OpenShare, options: VerifyOptions): Promise<Verification> {
    const parts: Part[] = [
      ...(options.store ? (['references', 'chunks'] as const) : []),
      ...(options.files ? (['files'] as const) : []),
    ];
    const { store } = share;
    const positions =
      options.limitMs === undefined
        ? Positions.begin(store, parts, options.now)
        : await Positions.resume(store, parts, options.now);
    const progress = await beginProgress(share, options, positions);
    return new Verification(share, options, {
      positions,
      ignore: await share.folder.loadIgnore(),
      progress,
    });
  }

  /** Where the next run goes on; undefined when the pass is complete. */
  get rest(): { readonly part: Part; readonly after: string | null } | undefined {
    const part = this.#positions.next;
    return part === undefined ? undefined : { part, after: this.#positions.of(part)?.last ?? null };
  }

  /** Looks at the store: what is not there, then what is not intact. */
  async verifyStore(): Promise<void> {
    if (this.#options.store) await this.#keeping(() => this.#verifyStore());
  }

  /** Looks at the files, unless the store took all the time there is. */
  async verifyFiles(): Promise<void> {
    if (this.#positions.next === 'files') await this.#keeping(() => this.#verifyFiles());
  }

  /** Whatever ends a run, its position is kept. */
  async #keeping(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } finally {
      await this.#positions.keep();
    }
  }

  async #verifyStore(): Promise<void> {
    for await (const { pack, problem } of this.#share.store.chunks.checkPacks(this.#options.signal))
      if (this.findings.packs.size < findingsMax) this.findings.packs.set(pack, problem);
    if (this.#positions.next === 'references') await this.#verifyReferences();
    if (this.#positions.next === 'chunks') await this.#verifyChunks();
  }

  async #verifyReferences(): Promise<void> {
    const noteMissing = (id: ChunkId): void => this.#note(this.findings.chunks.missing, id);
    await this.#eachEntry('references', {
      onMissing: noteMissing,
      look: (entries) => areWhole(this.#share, entries, noteMissing),
      note: (entry, isWhole) => {
        if (!isWhole) this.#note(this.findings.unreadRecipes, entry.path);
      },
    });
  }

  async #verifyChunks(): Promise<void> {
    const { store } = this.#share;
    const { chunks } = this.findings;
    const from = this.#positions.of('chunks');
    let [count, bytes, last] = [from?.count ?? 0, from?.bytes ?? 0, from?.last ?? ''];
    const countBefore = last === '' ? count : count - 1; // that one is read once more
    const bytesBefore = this.#progress.bytes;
    let [readBefore, isStopped] = [0, false];
    const isEnough = (): boolean => {
      isStopped = this.#isOver;
      return isStopped;
    };
    const verdicts = store.chunks.verify({
      ...(last === '' ? {} : { from: last as ChunkId }),
      onProgress: (read) => {
        bytes += read.bytes - readBefore;
        this.#tell({ chunks: countBefore + read.chunks, bytes: bytesBefore + read.bytes });
        readBefore = read.bytes;
      },
      ...(this.#options.limitMs === undefined ? {} : { isEnough }),
      signal: this.#options.signal,
    });
    for await (const { id, ok } of verdicts) {
      if (id === last) continue;
      chunks.checked++;
      // What is there and is damaged was also found not to be there for who needs it: it is named once.
      if (!ok) chunks.missing.delete(id);
      if (!ok) this.#note(chunks.damaged, id);
      count++;
      last = id;
      await this.#positions.reach('chunks', { last, isDone: false, count, bytes });
    }
    if (!isStopped) await this.#positions.reach('chunks', { last, isDone: true, count, bytes });
  }

  async #verifyFiles(): Promise<void> {
    const { files, chunks } = this.findings;
    const { signal } = this.#options;
    const enough = new AbortController();
    const end = AbortSignal.any([enough.signal, ...(signal === undefined ? [] : [signal])]);
    const last = this.#positions.of('files')?.last;
    const from = last === undefined ? undefined : parseRelPath(last);
    const verification = new FileVerification(this.#share, this.#ignore, { from, signal: end });
    try {
      await this.#eachEntry('files', {
        onMissing: (id) => this.#note(chunks.missing, id),
        look: (entries) => verification.verdicts(entries),
        note: (entry, verdict) => {
          if (verdict === undefined) return;
          files.checked++;
          if (verdict === 'changed') files.changed++;
          else if (verdict === 'damaged' || verdict === 'missing') this.#note(files[verdict], entry.path);
          const progress = this.#progress;
          this.#tell({ files: progress.files + 1, bytes: progress.bytes + sizeOf(entry) });
        },
        onEnough: () => enough.abort(),
      });
    } catch (error) {
      signal?.throwIfAborted(); // whatever that made fail
      throw error;
    } finally {
      await verification.close();
    }
  }

  /** Looks at the entries that `part` has not looked at, many at once, and notes in their order what came out. */
  async #eachEntry<T>(
    part: 'references' | 'files',
    { onMissing, look, note, onEnough }: Looks<T>,
  ): Promise<void> {
    const from = this.#positions.of(part);
    let [last, count, bytes] = [from?.last, from?.count ?? 0, from?.bytes ?? 0];
    const groups = groupsOf(this.#entriesAfter(last, onMissing));
    const results = ahead(groups, groupsAhead, async (group) => ({ group, found: await look(group) }));
    for await (const { group, found } of results) {
      this.#options.signal?.throwIfAborted();
      for (const [index, entry] of group.entries()) {
        note(entry, found[index] as T);
        last = entry.path;
        if (entry.kind === 'file' || entry.kind === 'symlink') count++;
        bytes += sizeOf(entry);
      }
      await this.#positions.reach(part, { last: last ?? '', isDone: false, count, bytes });
      if (!this.#isOver) continue;
      onEnough?.();
      return;
    }
    await this.#positions.reach(part, { last: last ?? '', isDone: true, count, bytes });
  }

  /** @param onMissing - told of what is missing of the tree itself */
  async *#entriesAfter(last: string | undefined, onMissing: (id: ChunkId) => void): AsyncGenerator<Entry> {
    const { replica } = this.#share;
    const range = last === undefined ? { onMissing } : { onMissing, from: parseRelPath(last) };
    for await (const entry of replica.storedTree.entries(replica.root, range))
      if (entry.path !== last) yield entry;
  }

  get #isOver(): boolean {
    return this.#options.now() >= this.#deadline;
  }

  #note<T>(found: Set<T>, item: T): void {
    noteFinding(this.findings, found, item);
  }

  #tell(change: Partial<VerifyProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    const now = this.#options.now();
    if (now - this.#toldAt < progressEveryMs) return;
    this.#toldAt = now;
    this.#options.onProgress?.(this.#progress);
  }
}

export function noteFinding<T>(findings: Findings, found: Set<T>, item: T): void {
  if (found.has(item)) return;
  if (found.size < findingsMax) found.add(item);
  else findings.unlisted++;
}

/** `entries` in groups, each of which one job of an ingest can read. */
async function* groupsOf(entries: AsyncIterable<Entry>): AsyncGenerator<readonly Entry[]> {
  let group: Entry[] = [];
  let bytes = 0;
  for await (const entry of entries) {
    const size = sizeOf(entry);
    if (group.length === filesPerJobMax || (group.length > 0 && bytes + size > windowBytes)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(entry);
    bytes += size;
  }
  if (group.length > 0) yield group;
}

function sizeOf(entry: Entry): number {
  return entry.kind === 'file' ? entry.size : 0;
}

/**
 * Tells which chunks of `entries` the store does not have.
 * @returns for each whether all of its recipe is there: else nothing is known of what is under the missing part
 */
async function areWhole(
  share: OpenShare,
  entries: readonly Entry[],
  onMissing: (id: ChunkId) => void,
): Promise<boolean[]> {
  const ids = entries.flatMap((entry) =>
    hasShortRecipe(entry) ? entry.recipe.parts.map(({ id }) => id) : [],
  );
  const here = await share.store.chunks.hasMany(ids);
  for (const [index, id] of ids.entries()) if (here[index] !== true) onMissing(id);
  const results: boolean[] = [];
  for (const entry of entries)
    results.push(
      entry.kind !== 'file' || hasShortRecipe(entry) || (await missingChunksOf(share, entry, onMissing)),
    );
  return results;
}

/** Whether the chunks of the file stand in the entry itself. */
function hasShortRecipe(entry: Entry): entry is FileEntry {
  return entry.kind === 'file' && entry.recipe.depth === 0;
}

/**
 * Tells which chunks of `entry` the store does not have.
 * @returns false if a part of the recipe is among them: then nothing is known of what is under it
 */
export async function missingChunksOf(
  { replica, store }: OpenShare,
  entry: FileEntry,
  onMissing: (id: ChunkId) => void,
): Promise<boolean> {
  let ids: ChunkId[] = [];
  const lookUp = async (): Promise<void> => {
    const here = await store.chunks.hasMany(ids);
    for (const [index, id] of ids.entries()) if (here[index] !== true) onMissing(id);
    ids = [];
  };
  try {
    for await (const { id } of recipeParts(replica.nodes, entry.recipe)) {
      ids.push(id);
      if (ids.length >= idsPerLookUp) await lookUp();
    }
    return true;
  } catch (error) {
    if (!isShoalError(error, 'CHUNK_MISSING')) throw error;
    ids.push(error.data.id as ChunkId);
    return false;
  } finally {
    await lookUp();
  }
}

async function beginProgress(
  { replica, store }: OpenShare,
  options: VerifyOptions,
  positions: Positions,
): Promise<VerifyProgress> {
  const kept = await store.chunks.totals();
  const folder = await totalsOf(replica);
  const [files, chunks] = [positions.of('files'), positions.of('chunks')];
  return {
    files: files?.count ?? 0,
    chunks: chunks?.count ?? 0,
    bytes: (files?.bytes ?? 0) + (chunks?.bytes ?? 0),
    filesTotal: options.files ? folder.files : 0,
    chunksTotal: options.store ? kept.chunks : 0,
    bytesTotal: (options.files ? folder.bytes : 0) + (options.store ? kept.bytes : 0),
  };
}

/** Without its root a tree has no totals: then there is nothing to expect. */
async function totalsOf({ tree, root }: OpenShare['replica']): Promise<{ files: number; bytes: number }> {
  try {
    return await tree.totals(root);
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return { files: 0, bytes: 0 };
    throw error;
  }
}
