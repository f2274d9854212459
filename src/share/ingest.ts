/**
 * Ingest: files of the user's become chunks in the store and new contents for their entries. It changes neither the
 * tree nor the files.
 *
 * Reading, cutting, hashing and compressing are done by an `IngestRunner`, in worker threads if there is much to do;
 * this thread asks the store what it lacks, appends that, and keeps the order. Memory does not grow with the size of a
 * file nor with their number. Small files share a job; a long one is a row of jobs, each of which begins where the
 * one before was cut last, as soon as that is known, so that one file keeps all workers busy.
 */
import { type ChunkId, chunkIdsFromBytes, encodeChunk, windowBytes } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { encodeFileStats, type FileStat, type Folder, type Found, statEquals } from '../folder/index.js';
import {
  inlineRecipe,
  type NewContent,
  type Part,
  type Recipe,
  RecipeBuilder,
  type RelPath,
} from '../manifest/index.js';
import { type Member, recordsIn } from '../store/index.js';
import { forEachConcurrent } from './concurrency.js';
import { filesPerJobMax, type Job } from './ingest-job.js';
import { IngestRunner, type StartedJob } from './ingest-runner.js';
import { IngestThreads } from './ingest-threads.js';
import { type PieceCut, pieceAt } from './pieces-cut.js';
import type { Replica } from './replica.js';

export type FoundFile = Extract<Found, { readonly kind: 'file' }>;
/** What the walk found that an entry can describe. */
export type FoundThing = Extract<Found, { readonly kind: 'file' | 'directory' | 'symlink' }>;

/** What was read, with the stat that held before and after reading. */
export interface Ingested {
  readonly content: NewContent;
  readonly mtimeNs: bigint;
  /** Undefined for a directory: only files and symlinks have stat records. */
  readonly stat: FileStat | undefined;
}

export type Outcome =
  | { readonly outcome: 'taken'; readonly ingested: Ingested }
  /** It changed under every reading, or no regular file stands there any more. */
  | { readonly outcome: 'unsettled' }
  | { readonly outcome: 'unreadable'; readonly reason: string };

/** What became of a file. */
export interface Done<T> {
  readonly file: T;
  readonly outcome: Outcome;
}

/** A file that goes on changing is given up after this many readings, and looked at again later. */
const readingsMax = 3;
/** Longer files have jobs of their own. */
const sharedJobFileBytesMax = windowBytes / 4;
/** What one job takes in; of more, threads do the rest. */
export const jobMax = { files: filesPerJobMax, bytes: windowBytes };
/** Jobs prepared at once: the runner bounds how many really run. */
const jobsAhead = 8;

/** What an entry without file content says of itself. */
export function ingestedWithoutReading(found: Exclude<FoundThing, FoundFile>): Ingested {
  if (found.kind === 'directory') return { content: { kind: 'directory' }, mtimeNs: 0n, stat: undefined };
  const content = { kind: 'symlink', target: found.target } as const;
  return { content, mtimeNs: found.stat.mtimeNs, stat: found.stat };
}

export interface IngestOptions {
  /** Cancels between two jobs. */
  readonly signal?: AbortSignal | undefined;
  /** Those to work with; they are closed with the ingest. */
  readonly threads?: IngestThreads | undefined;
}

export class Ingest {
  readonly #replica: Replica;
  readonly #runner: IngestRunner;
  readonly #signal: AbortSignal | undefined;

  /** Must be closed. */
  constructor(replica: Replica, folder: Folder, { signal, threads }: IngestOptions = {}) {
    this.#replica = replica;
    this.#runner = new IngestRunner(folder.readerOptions, replica.cutting, threads ?? new IngestThreads());
    this.#signal = signal;
  }

  /** Takes in `files`, and tells what became of them, in any order, some at a time. */
  async takeAll<T extends { readonly found: FoundFile }>(
    files: AsyncIterable<readonly T[]>,
    onDone: (done: readonly Done<T>[]) => Promise<void>,
  ): Promise<void> {
    let telling = Promise.resolve();
    const tell = (done: readonly Done<T>[]): Promise<void> => {
      telling = telling.then(() => onDone(done));
      return telling;
    };
    await forEachConcurrent(jobsOf(files), jobsAhead, async ({ group, isLast }) => {
      if (!isLast) this.#runner.prepare();
      const found: FoundFile[] = [];
      for (const file of group) found.push(file.found);
      const outcomes = await this.takeTogether(found);
      const done: Done<T>[] = [];
      for (let index = 0; index < group.length; index++)
        done.push({ file: group[index] as T, outcome: outcomes[index] as Outcome });
      await tell(done);
    });
  }

  async take(file: FoundFile): Promise<Outcome> {
    const [outcome] = await this.takeTogether([file]);
    return outcome as Outcome;
  }

  close(): Promise<void> {
    return this.#runner.close();
  }

  /**
   * Takes in a few files, and tells what became of each.
   * @param files - one, or as many as fit into one job: `filesPerJobMax`, with `windowBytes` together
   */
  async takeTogether(files: readonly FoundFile[]): Promise<Outcome[]> {
    const [only] = files;
    if (only === undefined) return [];
    if (files.length === 1 && only.stat.size > sharedJobFileBytesMax)
      return [await this.#takeAlone(only.path, readingsMax)];
    throwIfCancelled(this.#signal);
    const started = await this.#runner.start(jobOf(files));
    const ids = await this.#keep(started);
    const { counts, lengths } = started.pieces;
    const outcomes: Outcome[] = [];
    let first = 0;
    for (let index = 0; index < files.length; index++) {
      const found = files[index] as FoundFile;
      const parts = partsOf(ids, lengths, first, counts[index] as number);
      first += parts.length;
      const piece = pieceAt(started.pieces, index);
      outcomes.push(atOnce(found, piece, parts) ?? (await this.#later(found, piece, parts)));
    }
    return outcomes;
  }

  /** What `atOnce` does not say. */
  async #later(found: FoundFile, piece: PieceCut, parts: readonly Part[]): Promise<Outcome> {
    const stat = statOfWhole(found, piece);
    if (stat === undefined) return this.#takeAlone(found.path, readingsMax - 1);
    const recipe = this.#newRecipe();
    await recipe.add(parts);
    return taken(stat, await recipe.finish());
  }

  /** Takes in a file in a row of jobs, again while it changes. */
  async #takeAlone(path: RelPath, readings: number): Promise<Outcome> {
    for (let reading = 0; reading < readings; reading++) {
      const outcome = await this.#readThrough(path);
      if (outcome !== undefined) return outcome;
    }
    return { outcome: 'unsettled' };
  }

  /** @returns undefined if it changed meanwhile */
  async #readThrough(path: RelPath): Promise<Outcome | undefined> {
    const recipe = this.#newRecipe();
    const keeping = new Set<Promise<unknown>>();
    let adding: Promise<void> = Promise.resolve();
    const failures: unknown[] = [];
    let stat: FileStat | undefined;
    try {
      for (let from = 0; ; ) {
        if (failures.length > 0) throw failures[0];
        throwIfCancelled(this.#signal);
        const started = await this.#runner.start({ paths: [path], from });
        const piece = pieceAt(started.pieces, 0);
        const { lengths } = started.pieces;
        // Hashed, compressed and stored while the next piece is read; the runner bounds how many there are.
        const kept = this.#keep(started);
        keeping.add(kept);
        kept.then(
          () => keeping.delete(kept),
          (error: unknown) => failures.push(error),
        );
        adding = adding.then(async () => recipe.add(partsOf(await kept, lengths, 0, lengths.length)));
        adding.catch((error: unknown) => failures.push(error));
        if (piece.outcome === 'unreadable') return piece;
        if (piece.outcome !== 'read') return undefined;
        if (stat !== undefined && !statEquals(stat, piece.stat)) return undefined;
        stat = piece.stat;
        if (piece.isEnd) break;
        from += lengths.reduce((sum, length) => sum + length, 0);
      }
    } finally {
      await Promise.allSettled([adding, ...keeping]);
    }
    await adding;
    return taken(stat, await recipe.finish());
  }

  /** Puts what the store lacks of the chunks of a job. @returns the ids of all */
  async #keep(started: StartedJob): Promise<readonly ChunkId[]> {
    const chunks = this.#replica.intake;
    const ids = chunkIdsFromBytes(await started.ids);
    const wanted = new Uint8Array(ids.length);
    const lacking: Member[] = [];
    let failure: { error: unknown } | undefined;
    try {
      const here = await chunks.hasMany(ids);
      const seen = new Set<ChunkId>();
      for (let index = 0; index < ids.length; index++) {
        const id = ids[index] as ChunkId;
        if (here[index] === true || seen.has(id)) continue;
        wanted[index] = 1;
        seen.add(id);
        lacking.push({ id, plainLength: started.pieces.lengths[index] as number });
      }
    } catch (error) {
      failure = { error };
    }
    await started.finish(wanted, async (made, memory) => {
      if (failure !== undefined) throw failure.error;
      if (lacking.length > 0) await chunks.give([...recordsIn(made, memory, lacking)]);
    });
    return ids;
  }

  #newRecipe(): RecipeBuilder {
    return new RecipeBuilder((id, bytes) => this.#replica.intake.put(id, encodeChunk(bytes)));
  }
}

/** Groups of files whose bytes fit into one window; a long file is alone, and the last one as far as is known. */
async function* jobsOf<T extends { readonly found: FoundFile }>(
  files: AsyncIterable<readonly T[]>,
): AsyncGenerator<{ readonly group: T[]; readonly isLast: boolean }> {
  let group: T[] = [];
  let bytes = 0;
  for await (const some of files) {
    for (let index = 0; index < some.length; index++) {
      const file = some[index] as T;
      const { size } = file.found.stat;
      if (size > sharedJobFileBytesMax) {
        yield { group: [file], isLast: size <= windowBytes };
        continue;
      }
      if (group.length === filesPerJobMax || bytes + size > windowBytes) {
        yield { group, isLast: false };
        group = [];
        bytes = 0;
      }
      group.push(file);
      bytes += size;
    }
  }
  if (group.length > 0) yield { group, isLast: true };
}

/** Reads `files` whole. */
function jobOf(files: readonly FoundFile[]): Job {
  const paths: RelPath[] = [];
  const stats: FileStat[] = [];
  for (const { path, stat } of files) {
    paths.push(path);
    stats.push(stat);
  }
  return { paths, from: 0, found: encodeFileStats(stats) };
}

/** The parts of the chunks from `first` on, `count` of them. */
function partsOf(ids: readonly ChunkId[], lengths: Uint32Array, first: number, count: number): Part[] {
  const parts: Part[] = [];
  for (let index = first; index < first + count; index++)
    parts.push({ id: ids[index] as ChunkId, length: lengths[index] as number });
  return parts;
}

/** What became of a file that was read whole and has few chunks, or cannot be read; undefined of any other. */
function atOnce(found: FoundFile, piece: PieceCut, parts: readonly Part[]): Outcome | undefined {
  if (piece.outcome === 'unreadable') return piece;
  const stat = statOfWhole(found, piece);
  const recipe = stat && inlineRecipe(parts);
  return recipe && taken(stat, recipe);
}

/** Of a file that was read whole and did not change meanwhile; undefined of any other. */
function statOfWhole(found: FoundFile, piece: PieceCut): FileStat | undefined {
  if (piece.outcome === 'as-found') return found.stat;
  return piece.outcome === 'read' && piece.isEnd ? piece.stat : undefined;
}

function taken(stat: FileStat, recipe: Recipe): Outcome {
  const { size, executable, mtimeNs } = stat;
  return {
    outcome: 'taken',
    ingested: { content: { kind: 'file', executable, size, recipe }, mtimeNs, stat },
  };
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new ShoalError('CANCELLED', 'The scan was cancelled.', { cause: signal.reason });
}
