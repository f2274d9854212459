/**
 * Free space, asked before much is written: a disk that fills up in the middle of a pull or of the first snapshot
 * leaves a person with half of it and no room to act. Estimates are for the worst case, content that does not
 * compress; the disk may fill up all the same, by others, and then the writes fail as they always may.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChunkId, chunkBytesMax } from '../chunking/index.js';
import { isShoalError, ShoalError, systemCode } from '../error.js';
import { escapeForDisplay, type Folder } from '../folder/index.js';
import { type FileEntry, type Part, type Recipe, recipeReferences } from '../manifest/index.js';
import type { Obtain } from './file-content.js';
import type { Plan, Step } from './plan.js';
import type { Replica } from './replica.js';

/** Bytes free and used where `.shoal/` lies. Tests put another one in its place. */
export type AskSpace = () => Promise<{ readonly free: number; readonly used: number }>;

/** The store's own cost: headers, index and log, as a share of the content, for each file, and in any case. */
const overheadRatio = 0.02;
const overheadPerFileBytes = 1024;
const overheadBytes = 1024 * 1024;
/** With so much more free than used nobody needs to count: a walk takes a second for 80,000 files. */
const ampleRatio = 1.25;
/** As many files as `reconcile` writes side by side may stand beside what they replace. */
const replacedAtOnce = 96;
/** Chunks that several files have are counted once, as long as no more than these are to be remembered. */
const distinctMax = 1_000_000;
const partsPerLookUp = 256;

/** @throws ShoalError NO_SPACE if the store may not find room for all that is in the folder */
export async function assertRoomForSnapshot(
  folder: Folder,
  askSpace: AskSpace,
  signal?: AbortSignal,
): Promise<void> {
  const { free, used } = await askSpace();
  // The folder holds no more than its whole file system, but for holes and shared blocks, which cost the store nothing.
  if (withOverhead({ files: 0, bytes: used * ampleRatio }) <= free) return;
  const ignore = await folder.loadIgnore();
  let files = 0;
  let bytes = 0;
  for await (const batch of folder.walk({ ignore, ...(signal === undefined ? {} : { signal }) })) {
    for (let index = 0; index < batch.length; index++) {
      if (batch.kindAt(index) !== 'file') continue;
      const found = batch.at(index);
      if (found.kind !== 'file') continue;
      files++;
      bytes += found.stat.size;
    }
  }
  if (files === 0) return;
  const needed = withOverhead({ files, bytes });
  if (needed > free) {
    throw noSpace({ needed, free, root: folder.root }, (figures) => {
      const place = escapeForDisplay(folder.root);
      return `The first snapshot of ${place} may need ${figures} there: free some space, or keep large files out with .shoalignore, and try again.`;
    });
  }
}

/** What is needed to know what a pull needs. */
export interface PullSpace {
  readonly replica: Replica;
  readonly folder: Folder;
  readonly askSpace: AskSpace;
  /** Brings recipe chunks: a file of 10 GB that grew by a line has a new one, and nearly all of its content is here. */
  readonly obtain: Obtain;
}

/** @throws ShoalError NO_SPACE if there is not even room for what a pull has to note before it knows what it needs */
export async function assertSomeRoom(folder: Folder, askSpace: AskSpace): Promise<void> {
  const { free } = await askSpace();
  if (free >= overheadBytes) return;
  throw noSpace({ needed: overheadBytes, free, root: folder.root }, (figures) => {
    const place = escapeForDisplay(folder.root);
    return `To receive anything takes ${figures} on the disk of ${place}: free some space; it goes on by itself then.`;
  });
}

/** @throws ShoalError NO_SPACE if the files of `plan` and their chunks may not fit; nothing has been fetched then */
export async function assertRoomForPlan(
  plan: Plan,
  { replica, folder, askSpace, obtain }: PullSpace,
): Promise<void> {
  const steps = plan.contents.filter(isFileStep);
  const bytes = steps.reduce((sum, { after }) => sum + after.size, 0);
  if (bytes === 0) return;
  const { free } = await askSpace();
  const files = steps.length;
  // Twice is the worst case, and quickly known; only where that does not fit is looked what the store has already.
  if (withOverhead({ files, bytes }) + bytes <= free) return;
  const chunkBytes = await missingBytes(replica, steps, obtain);
  const needed = withOverhead({ files, bytes: chunkBytes }) + placedBytes(steps);
  if (needed <= free) return;
  throw noSpace({ needed, free, root: folder.root }, (figures) => {
    const count = `${files} ${files === 1 ? 'file' : 'files'}`;
    return `${count} to be received may need ${figures} on the disk of ${escapeForDisplay(folder.root)}: free some space; it goes on by itself then.`;
  });
}

/** What lies under `directory` takes on the disk; what vanishes meanwhile counts for nothing. */
export async function diskBytesUnder(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    try {
      bytes += (await stat(join(entry.parentPath, entry.name))).blocks * statBlockBytes;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
  return bytes;
}

/** `stat` counts in these, whatever the file system's own blocks are. */
const statBlockBytes = 512;

type FileStep = Step & { readonly after: FileEntry };

function isFileStep(step: Step): step is FileStep {
  return step.work === 'content' && step.after?.kind === 'file';
}

function withOverhead({ files, bytes }: { files: number; bytes: number }): number {
  return Math.ceil(bytes * (1 + overheadRatio)) + files * overheadPerFileBytes + overheadBytes;
}

/** The most that the folder grows by on the way: what files gain, and what they replace until it is gone. */
function placedBytes(steps: readonly FileStep[]): number {
  let growth = 0;
  const replaced: number[] = [];
  for (const { before, after } of steps) {
    const old = before?.kind === 'file' ? before.size : 0;
    growth += Math.max(0, after.size - old);
    replaced.push(Math.min(old, after.size));
  }
  const largest = replaced.sort((a, b) => b - a).slice(0, replacedAtOnce);
  return growth + largest.reduce((sum, bytes) => sum + bytes, 0);
}

/** Plain bytes of the chunks that the store lacks. */
async function missingBytes(replica: Replica, steps: readonly FileStep[], obtain: Obtain): Promise<number> {
  const counted = new Set<ChunkId>();
  let bytes = 0;
  for (const { after } of steps) {
    for await (const parts of dataParts(replica, after.recipe, obtain)) {
      const here = await replica.store.chunks.hasMany(parts.map(({ id }) => id));
      for (const [index, { id, length }] of parts.entries()) {
        if (here[index] === true || counted.has(id)) continue;
        if (counted.size < distinctMax) counted.add(id);
        bytes += length;
      }
    }
  }
  return bytes;
}

/** The data chunks of a file, some at a time; a recipe chunk that nobody gives stands for all below it. */
async function* dataParts(
  replica: Replica,
  { parts, depth }: Pick<Recipe, 'parts' | 'depth'>,
  obtain: Obtain,
): AsyncGenerator<readonly Part[]> {
  if (depth === 0) {
    for (let from = 0; from < parts.length; from += partsPerLookUp)
      yield parts.slice(from, from + partsPerLookUp);
    return;
  }
  for (const part of parts) {
    const bytes = await recipeChunk(replica, part.id, obtain);
    if (bytes === undefined) yield [part];
    else {
      const below = recipeReferences(bytes, { depth, length: part.length });
      yield* dataParts(replica, { parts: below, depth: depth - 1 }, obtain);
    }
  }
}

async function recipeChunk(replica: Replica, id: ChunkId, obtain: Obtain): Promise<Uint8Array | undefined> {
  const bytes = await replica.nodes.get(id);
  if (bytes !== undefined) return bytes;
  try {
    await obtain(id, chunkBytesMax);
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return undefined;
    throw error;
  }
  return replica.nodes.get(id);
}

function noSpace(
  { needed, free, root }: { needed: number; free: number; root: string },
  sentence: (figures: string) => string,
): ShoalError {
  const figures = `${inMegabytes(needed)} MB, and ${inMegabytes(free)} MB are free`;
  return new ShoalError('NO_SPACE', sentence(figures), { data: { path: root, needed, free } });
}

function inMegabytes(bytes: number): string {
  return (Math.ceil(bytes / 1e5) / 10).toFixed(1);
}
