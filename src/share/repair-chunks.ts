/**
 * Brings back chunks that are missing or damaged in the store: out of the files that are made of them, where those are
 * intact, and else from the peers. Every chunk is checked against its id before it is stored, whatever it comes from.
 */
import { type ChunkId, chunkIdOf, encodeChunk } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { IgnoreRules, OpenFile } from '../folder/index.js';
import { type FileEntry, type Part, recipeParts } from '../manifest/index.js';
import type { ChunkSource } from './chunk-source.js';
import { Ingest } from './ingest.js';
import type { OpenShare } from './open-share.js';

/**
 * @returns those of `ids` that are not in the store now
 * @throws ShoalError CANCELLED, STORE_FAILED
 */
export async function repairChunks(
  share: OpenShare,
  ids: Iterable<ChunkId>,
  source: ChunkSource,
  signal?: AbortSignal,
): Promise<ChunkId[]> {
  const wanted = new Set(ids);
  if (wanted.size === 0) return [];
  await takeFromFiles(share, wanted, signal);
  await source.obtain([...wanted], signal);
  await share.store.chunks.sync();
  const asked = [...wanted];
  const here = await share.store.chunks.hasMany(asked);
  return asked.filter((_id, index) => here[index] !== true);
}

/** Takes out of `wanted` what some file of the folder had. One walk over the recipes; only what is wanted is read. */
async function takeFromFiles(share: OpenShare, wanted: Set<ChunkId>, signal?: AbortSignal): Promise<void> {
  const { replica, folder } = share;
  const ignore = await folder.loadIgnore();
  // What is under a missing node cannot be asked for here.
  const range = { skipDeleted: true, onMissing: () => undefined };
  for await (const entry of replica.storedTree.entries(replica.root, range)) {
    signal?.throwIfAborted();
    if (wanted.size === 0) return;
    if (entry.kind !== 'file') continue;
    if (!(await takeFromFile(share, entry, wanted))) await cutAgain(share, entry, { ignore, wanted }, signal);
  }
}

/** @returns false if the recipe is not whole */
async function takeFromFile(share: OpenShare, entry: FileEntry, wanted: Set<ChunkId>): Promise<boolean> {
  let file: OpenFile | undefined;
  let position = 0;
  try {
    for await (const part of recipeParts(share.replica.nodes, entry.recipe)) {
      if (wanted.has(part.id)) {
        file ??= await openOrNothing(share, entry);
        if (file === undefined) return true;
        if (await takePart(share, file, part, position)) wanted.delete(part.id);
      }
      position += part.length;
    }
    return true;
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return false;
    throw error;
  } finally {
    await file?.close();
  }
}

async function takePart(
  { store }: OpenShare,
  file: OpenFile,
  { id, length }: Part,
  position: number,
): Promise<boolean> {
  const bytes = new Uint8Array(length);
  try {
    if ((await file.readAt(bytes, position)) !== length || chunkIdOf(bytes) !== id) return false;
  } catch (error) {
    // A part of a disk that cannot be read is what this is all about.
    if (isShoalError(error, 'IO')) return false;
    throw error;
  }
  await store.chunks.put(id, encodeChunk(bytes));
  return true;
}

/** Equal files have equal recipes: cutting the file again makes the recipe chunks that are gone, if the file is intact. */
async function cutAgain(
  { replica, folder, store }: OpenShare,
  { path }: FileEntry,
  { ignore, wanted }: { ignore: IgnoreRules; wanted: Set<ChunkId> },
  signal?: AbortSignal,
): Promise<void> {
  const found = await folder.look(path, ignore);
  if (found?.kind !== 'file') return;
  const ingest = new Ingest(replica, folder, { signal });
  try {
    // Whatever comes of the file, and whether it could be read at all: the store tells what it has now.
    await ingest.take(found);
  } finally {
    await ingest.close();
  }
  const asked = [...wanted];
  const here = await store.chunks.hasMany(asked);
  for (const [index, id] of asked.entries()) if (here[index] === true) wanted.delete(id);
}

async function openOrNothing({ folder }: OpenShare, { path }: FileEntry): Promise<OpenFile | undefined> {
  try {
    return await folder.read(path);
  } catch (error) {
    if (isShoalError(error, 'IO')) return undefined;
    throw error;
  }
}
