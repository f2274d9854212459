/**
 * Scan: takes in what the user changed in the folder. What looks the same by size, mtime, ctime and inode is not read,
 * see differences.ts. Results are committed in batches, under the replica's lock, and only where the entry has not
 * changed meanwhile: otherwise the path is left for the next scan. A file that changes after it was read is another
 * difference, for the next scan: what is committed is what stood there.
 */
import type { ChunkId } from '../chunking/index.js';
import { type FileStat, type Folder, type IgnoreRules, statEquals } from '../folder/index.js';
import {
  compareRelPath,
  deleteEntry,
  type Entry,
  isUnder,
  mtimeNsOf,
  type RelPath,
  sameContent,
  sameEntry,
  supersede,
} from '../manifest/index.js';
import { type Difference, differences } from './differences.js';
import { fileContent } from './file-content.js';
import {
  type Done,
  type FoundFile,
  Ingest,
  type Ingested,
  ingestedWithoutReading,
  type Outcome,
} from './ingest.js';
import type { IngestThreads } from './ingest-threads.js';
import type { Replica, StatChange } from './replica.js';
import { doubtReason, isKnownDoubt, mustLeave } from './rot.js';
import type { Sight } from './seen.js';
import { isSameTime, restoreIfTorn } from './torn.js';

export interface ScanOptions {
  readonly replica: Replica;
  readonly folder: Folder;
  /** Whether this device may write: a read-only one reports local changes as blocked and keeps them. */
  readonly mayWrite: boolean;
  /** Deletions beyond the guard are taken in only when the user approved them. */
  readonly deletionsApproved: boolean;
  readonly now: () => number;
  readonly onProgress?: (progress: { files: number; bytes: number }) => void;
  readonly signal?: AbortSignal;
  /** Of an ingest, if they have been started already; they are closed with the scan. */
  readonly threads?: IngestThreads;
}

export interface ScanResult {
  /** Paths with new or changed content, and deletions, that were committed. */
  readonly changed: number;
  readonly deleted: number;
  /** Paths to look at again soon: they changed while they were read. */
  readonly unsettled: readonly RelPath[];
  readonly blocked: ReadonlyMap<string, string>;
  /** Among the blocked: files found now whose bytes are not the recorded ones, and that nobody wrote. */
  readonly damaged: readonly RelPath[];
  /** Deletions that the guard holds, if any. */
  readonly held: { readonly deletions: number; readonly of: number } | undefined;
}

/** Deletions are held when a full scan finds more than this many and more than half of all files gone. */
export const heldDeletionsMin = 20;
/** A commit follows after so many results. */
const resultsPerCommit = 2048;
/** A file changed less than this before its stat was taken may change again and look the same. */
const racyMs = 100;
const nsPerMs = 1e6;
/** For comparing contents: no write is made of it. */
const noWrite = { actor: '', counter: 0, mtimeNs: 0n };

interface Result {
  readonly difference: Difference;
  readonly ingested: Ingested;
}

/** @param paths - where to look, each with all that is under it; undefined: everywhere */
export function scan(options: ScanOptions, paths?: readonly RelPath[]): Promise<ScanResult> {
  return options.replica.activity.run(() => scanPlaces(options, paths));
}

async function scanPlaces(options: ScanOptions, paths?: readonly RelPath[]): Promise<ScanResult> {
  await options.folder.assertPresent();
  return new Scan(options, await options.folder.loadIgnore()).run(
    paths === undefined ? [undefined] : outermost(paths),
  );
}

class Scan {
  readonly #options: ScanOptions;
  readonly #ignore: IgnoreRules;
  readonly #blocked = new Map<string, string>();
  readonly #unsettled: RelPath[] = [];
  readonly #damaged: RelPath[] = [];
  readonly #missing: Difference[] = [];
  readonly #ingest: Ingest;
  /** The own tree that this scan knows: as it was at the beginning, with its own commits. */
  #root: ChunkId;
  #results: Result[] = [];
  /** What was seen of all of the folder. */
  #sight: Sight | undefined;
  /** Whether everything that was found different was taken in just as it was found. */
  #isSettled = true;
  /** Of the replica, that this scan knows. */
  #revision: number;
  #changed = 0;
  #files = 0;
  #bytes = 0;

  constructor(options: ScanOptions, ignore: IgnoreRules) {
    this.#options = options;
    this.#ignore = ignore;
    this.#ingest = new Ingest(options.replica, options.folder, options);
    this.#root = options.replica.root;
    this.#revision = options.replica.revision;
  }

  async run(places: readonly (RelPath | undefined)[]): Promise<ScanResult> {
    const { replica } = this.#options;
    const { files } = await replica.tree.totals(replica.root);
    try {
      for (const under of places) {
        await this.#ingest.takeAll(this.#filesToRead(under), (done) => this.#onRead(done));
      }
      // Its threads end while the last results are committed; whether they could is told below.
      this.#ingest.close().catch(() => undefined);
      await this.#flush();
    } finally {
      await this.#ingest.close();
    }
    const held = this.#heldDeletions(files);
    if (held !== undefined) this.#isSettled = false;
    const deleted = held === undefined ? await this.#commitDeletions() : 0;
    await this.#noteSight();
    return {
      changed: this.#changed,
      deleted,
      unsettled: this.#unsettled,
      blocked: this.#blocked,
      damaged: this.#damaged,
      held,
    };
  }

  /** Takes in at once what has no content, and yields the files. */
  async *#filesToRead(under: RelPath | undefined): AsyncGenerator<readonly FileDifference[]> {
    const { replica, folder, now, signal } = this.#options;
    const pass = differences({
      replica,
      folder,
      ignore: this.#ignore,
      under,
      now,
      signal,
      onBlocked: (name, reason) => this.#blocked.set(name, reason),
      onSeen: (sight) => {
        this.#sight = sight;
      },
    });
    for await (const some of pass) {
      const files: FileDifference[] = [];
      for (let index = 0; index < some.length; index++) {
        const difference = some[index] as Difference;
        const { found } = difference;
        if (found === undefined) this.#missing.push(difference);
        else if (difference.entry !== undefined && (await isKnownDoubt(replica, difference.entry, found)))
          this.#block(difference.path, doubtReason);
        else if (isFile(difference)) files.push(difference);
        else if (found.kind !== 'file')
          this.#results.push({ difference, ingested: ingestedWithoutReading(found) });
      }
      await this.#flushIfMany();
      yield files;
    }
  }

  async #onRead(done: readonly Done<FileDifference>[]): Promise<void> {
    for (const { file, outcome } of done) this.#noteRead(file, outcome);
    this.#options.onProgress?.({ files: this.#files, bytes: this.#bytes });
    await this.#flushIfMany();
  }

  #noteRead(difference: FileDifference, outcome: Outcome): void {
    switch (outcome.outcome) {
      case 'unsettled':
        this.#defer(difference.path);
        return;
      case 'unreadable':
        this.#block(difference.path, outcome.reason);
        return;
      case 'taken':
        this.#files++;
        this.#bytes += outcome.ingested.stat?.size ?? 0;
        this.#results.push({ difference, ingested: outcome.ingested });
    }
  }

  async #flushIfMany(): Promise<void> {
    if (this.#results.length >= resultsPerCommit) await this.#flush();
  }

  async #flush(): Promise<void> {
    const results = this.#results;
    this.#results = [];
    if (results.length > 0) await this.#options.replica.exclusive(() => this.#commit(results));
  }

  async #commit(results: readonly Result[]): Promise<void> {
    const { replica } = this.#options;
    const isKnown = replica.root === this.#root;
    if (replica.revision !== this.#revision) this.#isSettled = false;
    const entries: Entry[] = [];
    const stats: StatChange[] = [];
    const doubts = new Map<RelPath, FileStat>();
    for (let index = 0; index < results.length; index++) {
      const { difference, ingested } = results[index] as Result;
      const { path, entry } = difference;
      if (!isKnown && !sameEntry(await replica.tree.get(replica.root, path), entry)) {
        this.#defer(path);
        continue;
      }
      if (entry !== undefined) {
        const restored = await this.#restoreIfTorn(difference, ingested);
        if (restored !== undefined) {
          stats.push({ path, record: { stat: restored, racy: false } });
          this.#isSettled = false;
          continue;
        }
        if (
          ingested.stat !== undefined &&
          (await mustLeave(replica, entry, ingested.stat, ingested.content))
        ) {
          this.#leaveInDoubt(path);
          doubts.set(path, ingested.stat);
          continue;
        }
      }
      const next = this.#nextEntry(path, entry, ingested);
      if (next !== undefined && !this.#options.mayWrite) {
        this.#block(path, readOnlyReason);
        continue;
      }
      if (next !== undefined) entries.push(next);
      if (ingested.stat === undefined) continue;
      const racy = isRacy(ingested.stat, difference.seenAt);
      stats.push({ path, record: { stat: ingested.stat, racy } });
      if (racy || !isAsFound(difference, ingested.stat)) this.#isSettled = false;
    }
    this.#changed += entries.length;
    if (entries.length + stats.length + doubts.size > 0) await replica.commit({ entries, stats, doubts });
    if (isKnown) this.#root = replica.root;
    this.#revision = replica.revision;
  }

  #leaveInDoubt(path: RelPath): void {
    this.#block(path, doubtReason);
    this.#damaged.push(path);
  }

  #block(path: RelPath, reason: string): void {
    this.#isSettled = false;
    this.#blocked.set(path, reason);
  }

  /** Leaves it for the next scan. */
  #defer(path: RelPath): void {
    this.#isSettled = false;
    this.#unsettled.push(path);
  }

  /** So that the next scan need not compare what is still the same. */
  async #noteSight(): Promise<void> {
    const { replica } = this.#options;
    if (this.#sight?.isClear !== true || !this.#isSettled) return;
    await replica.noteSeen(this.#sight.encode(replica.root, this.#ignore), this.#revision);
  }

  /** A file with the time of its entry and other bytes may have been torn by a power loss. */
  async #restoreIfTorn(
    { path, entry }: Difference,
    { content, stat }: Ingested,
  ): Promise<FileStat | undefined> {
    if (entry?.kind !== 'file' || content.kind !== 'file' || stat === undefined) return undefined;
    if (content.size === entry.size && content.executable !== entry.executable) return undefined;
    if (sameContent(entry, supersede(entry, path, content, noWrite))) return undefined;
    return restoreIfTorn(this.#options.replica, this.#options.folder, entry, { kind: 'file', path, stat });
  }

  #nextEntry(path: RelPath, current: Entry | undefined, { content, mtimeNs }: Ingested): Entry | undefined {
    if (current !== undefined) {
      const candidate = supersede(current, path, content, { ...noWrite, mtimeNs });
      if (sameContent(current, candidate)) {
        if (content.kind === 'directory' || isSameTime(mtimeNsOf(current), mtimeNs)) return undefined;
      }
    }
    const { mayWrite, replica } = this.#options;
    return supersede(current, path, content, mayWrite ? replica.nextWrite(mtimeNs) : { ...noWrite, mtimeNs });
  }

  #heldDeletions(files: number): ScanResult['held'] {
    const deletions = this.#missing.filter(({ entry }) => entry?.kind === 'file').length;
    if (this.#options.deletionsApproved || deletions <= heldDeletionsMin || deletions * 2 <= files)
      return undefined;
    return { deletions, of: files };
  }

  async #commitDeletions(): Promise<number> {
    const { replica, folder, mayWrite } = this.#options;
    if (this.#missing.length === 0) return 0;
    await folder.assertPresent();
    return replica.exclusive(async () => {
      const entries: Entry[] = [];
      const stats: StatChange[] = [];
      for (const { path, entry } of this.#missing) {
        const current = await replica.tree.get(replica.root, path);
        if (current === undefined || current.kind === 'deleted' || !sameEntry(current, entry)) {
          this.#isSettled = false;
          continue;
        }
        const found = await folder.look(path, this.#ignore);
        if (found !== undefined) {
          this.#defer(path);
          continue;
        }
        if (!mayWrite) {
          this.#isSettled = false;
          if (!replica.isRehearsal) await this.#bringBack(current, stats);
          continue;
        }
        entries.push(deleteEntry(current, replica.nextWrite(0n)));
        stats.push({ path, record: undefined });
      }
      if (replica.revision !== this.#revision) this.#isSettled = false;
      if (stats.length > 0) await replica.commit({ entries, stats });
      this.#revision = replica.revision;
      return entries.length;
    });
  }

  /** A read-only device's folder follows the others: what is gone there comes back. */
  async #bringBack(entry: Entry, stats: StatChange[]): Promise<void> {
    const { replica, folder, signal } = this.#options;
    const content = entry.kind === 'file' ? { content: () => fileContent(replica, entry) } : {};
    const placed = await folder.place({ entry, expected: { kind: 'absent' }, ...content }, signal);
    if (placed.outcome === 'blocked') this.#block(entry.path, placed.reason);
    else if (placed.outcome === 'differs') this.#defer(entry.path);
    else
      stats.push({
        path: entry.path,
        record: placed.stat === undefined ? undefined : { stat: placed.stat, racy: false },
      });
  }
}

/** @param seenAt - unix ms, not after the file was read */
function isRacy(stat: FileStat, seenAt: number): boolean {
  return (seenAt - racyMs) * nsPerMs < Number(stat.ctimeNs);
}

/** Whether what was taken in is what the walk had found. */
function isAsFound({ found }: Difference, stat: FileStat): boolean {
  return found !== undefined && 'stat' in found && statEquals(found.stat, stat);
}

type FileDifference = Difference & { readonly found: FoundFile };

function isFile(difference: Difference): difference is FileDifference {
  return difference.found?.kind === 'file';
}

const readOnlyReason =
  "changed here, but this device may only read: move your version out of the folder, and the share's comes back";

/** `paths` without those that lie under another of them. */
function outermost(paths: readonly RelPath[]): RelPath[] {
  const kept: RelPath[] = [];
  for (const path of [...new Set(paths)].sort(compareRelPath)) {
    const last = kept.at(-1);
    if (last === undefined || !isUnder(path, last)) kept.push(path);
  }
  return kept;
}
