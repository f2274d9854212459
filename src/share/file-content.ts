/**
 * The content of a file, from its recipe: its plain bytes in order, each chunk re-hashed by the store when it is
 * read. What is not in the store is obtained on the way, well ahead of the reading.
 *
 * Bounds: per file `obtainAhead` chunks are asked for and `readAhead` are held in memory.
 */
import { type ChunkId, chunkBytesMax } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { type FileEntry, type Part, recipeReferences } from '../manifest/index.js';
import { ahead } from './concurrency.js';
import { chunkMissing, type Replica } from './replica.js';

/** Brings a chunk of at most `bytes` into the store. @throws ShoalError CHUNK_MISSING */
export type Obtain = (id: ChunkId, bytes: number) => Promise<void>;

/** As much as the credit of a few fast peers. */
const obtainAhead = 384;
const readAhead = 32;
const partsPerLookUp = 64;

/** @param obtain - by default nothing can be obtained: what is not in the store is missing */
export async function* fileContent(
  replica: Replica,
  entry: FileEntry,
  obtain: Obtain = (id) => Promise.reject(chunkMissing(id)),
): AsyncGenerator<Uint8Array> {
  const here = async ({ part, isHere }: Marked): Promise<Part> => {
    if (!isHere) await obtain(part.id, part.length);
    return part;
  };
  const read = async ({ id, length }: Part): Promise<Uint8Array> => {
    let bytes = await replica.store.chunks.get(id);
    if (bytes === undefined) {
      // The store thought that it had the chunk, and it turned out damaged.
      await obtain(id, length);
      bytes = await replica.store.chunks.get(id);
    }
    if (bytes === undefined) throw chunkMissing(id);
    if (bytes.length === length) return bytes;
    throw new ShoalError('MALFORMED', `The recipe of ${entry.path} names a wrong chunk length.`, {
      data: { id, path: entry.path },
    });
  };
  const parts = partsOf(replica, entry.recipe.parts, entry.recipe.depth, obtain);
  yield* ahead(ahead(marked(replica, parts), obtainAhead, here), readAhead, read);
}

/** A chunk of the file, and whether the store has it. */
interface Marked {
  readonly part: Part;
  readonly isHere: boolean;
}

/** Asks the store for many at once: one look-up costs as much as ten together. */
async function* marked(replica: Replica, parts: AsyncIterable<Part>): AsyncGenerator<Marked> {
  let group: Part[] = [];
  async function* ask(): AsyncGenerator<Marked> {
    const here = await replica.store.chunks.hasMany(group.map(({ id }) => id));
    for (const [index, part] of group.entries()) yield { part, isHere: here[index] === true };
    group = [];
  }
  for await (const part of parts) {
    group.push(part);
    if (group.length >= partsPerLookUp) yield* ask();
  }
  yield* ask();
}

/** The data chunks below `parts`, in order; recipe chunks are obtained on the way. */
async function* partsOf(
  replica: Replica,
  parts: readonly Part[],
  depth: number,
  obtain: Obtain,
): AsyncGenerator<Part> {
  if (depth === 0) {
    yield* parts;
    return;
  }
  for (const part of parts) {
    let bytes = await replica.nodes.get(part.id);
    if (bytes === undefined) {
      await obtain(part.id, chunkBytesMax);
      bytes = await replica.nodes.get(part.id);
    }
    if (bytes === undefined) throw chunkMissing(part.id);
    const below = recipeReferences(bytes, { depth, length: part.length });
    yield* partsOf(replica, below, depth - 1, obtain);
  }
}
