/**
 * Ingest: one file of the user's becomes chunks in the store and a new content for its entry. Streaming: memory
 * does not grow with the file. It changes neither the tree nor the file.
 */
import { type ChunkId, chunkIdOf, encodeChunk, splitStream } from '../chunking/index.js';
import type { FileStat, Folder, Found } from '../folder/index.js';
import { type NewContent, RecipeBuilder, type RelPath } from '../manifest/index.js';
import type { Replica } from './replica.js';

/** What the walk found that an entry can describe. */
export type FoundThing = Extract<Found, { readonly kind: 'file' | 'directory' | 'symlink' }>;

/** What was read, with the stat that held before and after reading. */
export interface Ingested {
  readonly content: NewContent;
  readonly mtimeNs: bigint;
  /** Undefined for a directory: only files and symlinks have stat records. */
  readonly stat: FileStat | undefined;
}

/** A file that goes on changing is given up after this many readings, and looked at again later. */
const readingsMax = 3;
/** The store is asked for many chunks at once: one look-up costs as much as ten together. 16 are 1 MiB on average. */
const chunksPerLookUp = 16;

/** Looks at a found thing and takes in its content. @returns undefined if it changed under every reading, or vanished */
export async function ingest(
  replica: Replica,
  folder: Folder,
  found: FoundThing,
  signal?: AbortSignal,
): Promise<Ingested | undefined> {
  switch (found.kind) {
    case 'directory':
      return { content: { kind: 'directory' }, mtimeNs: 0n, stat: undefined };
    case 'symlink':
      return {
        content: { kind: 'symlink', target: found.target },
        mtimeNs: found.stat.mtimeNs,
        stat: found.stat,
      };
    case 'file':
      for (let reading = 0; reading < readingsMax; reading++) {
        const result = await readOnce(replica, folder, found.path, signal);
        if (result !== undefined) return result;
      }
      return undefined;
  }
}

async function readOnce(
  replica: Replica,
  folder: Folder,
  path: RelPath,
  signal?: AbortSignal,
): Promise<Ingested | undefined> {
  const file = await folder.read(path);
  try {
    const recipe = new RecipeBuilder((id, bytes) => replica.store.chunks.put(id, encodeChunk(bytes)));
    let size = 0;
    let group: Cut[] = [];
    let keeping: Promise<void> = Promise.resolve();
    // One group is looked up and stored while the next one is read, cut and hashed.
    const keepNext = async (): Promise<void> => {
      const cuts = group;
      group = [];
      await keeping;
      keeping = keep(replica, recipe, cuts);
      keeping.catch(() => undefined); // Awaited before the next one, or at the end.
    };
    for await (const chunk of splitStream((into) => file.readInto(into), replica.cutting, signal)) {
      size += chunk.length;
      group.push({ id: chunkIdOf(chunk), bytes: new Uint8Array(chunk) });
      if (group.length >= chunksPerLookUp) await keepNext();
    }
    await keepNext();
    await keeping;
    const finished = await recipe.finish();
    if (size !== file.stat.size || !(await file.unchanged())) return undefined;
    return {
      content: { kind: 'file', executable: file.stat.executable, size, recipe: finished },
      mtimeNs: file.stat.mtimeNs,
      stat: file.stat,
    };
  } finally {
    await file.close();
  }
}

interface Cut {
  readonly id: ChunkId;
  readonly bytes: Uint8Array;
}

async function keep({ store }: Replica, recipe: RecipeBuilder, cuts: readonly Cut[]): Promise<void> {
  const here = await store.chunks.hasMany(cuts.map(({ id }) => id));
  for (const [index, { id, bytes }] of cuts.entries()) {
    if (here[index] !== true) await store.chunks.put(id, encodeChunk(bytes));
    await recipe.add({ id, length: bytes.length });
  }
}
