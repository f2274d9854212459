/**
 * Building and reading recipes. A recipe of more than 16 parts is cut into recipe chunks, those again, until 16 or
 * fewer are left. Cuts depend on the ids of the parts, so an edit in a long file changes only the recipe chunks
 * around it; a minimum keeps every level at least 64 times shorter than the one below, whatever the content repeats.
 *
 * Memory: at most `recipeChunkPartsMax` parts a level, whatever the size of the file.
 */
import { strict as assert } from 'node:assert';
import { type ChunkId, chunkBytesMax, chunkIdOf, chunkIdWord } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import type { Part, Recipe } from './entry.js';
import {
  encodeRecipeChunk,
  fileBytesMax,
  inlinePartsMax,
  recipeChunkPartsMax,
  recipeDepthMax,
  recipeReferences,
  sumOf,
} from './recipe-codec.js';

/** No recipe chunk has fewer parts, but the last of its level. More than `inlinePartsMax`, so that short recipes stay inline. */
const recipeChunkPartsMin = 64;
/** After the minimum, one part in so many ends its recipe chunk: 128 parts in the mean. */
const cutOneIn = 64;

type Put = (id: ChunkId, bytes: Uint8Array) => Promise<void>;

/** The recipe of a file of so few parts that they stand in its entry, as a `RecipeBuilder` makes it; undefined if there are more. */
export function inlineRecipe(parts: readonly Part[]): Recipe | undefined {
  return parts.length <= inlinePartsMax ? { depth: 0, parts } : undefined;
}

/** Takes the parts of one file in order and gives its recipe. The same parts give the same recipe everywhere. */
export class RecipeBuilder {
  readonly #put: Put;
  /** Parts of each depth that are in no recipe chunk yet. */
  readonly #levels: Part[][] = [[]];
  #bytes = 0;

  /** @param put - keeps a recipe chunk; awaited before the next one is made */
  constructor(put: Put) {
    this.#put = put;
  }

  /**
   * @param parts - the next data chunks, 1 to `chunkBytesMax` bytes each
   * @throws ShoalError LIMIT if the file is larger than a recipe can describe
   * @throws AssertionError if a part is no data chunk: the caller's fault
   */
  async add(parts: Iterable<Part>): Promise<void> {
    for (const part of parts) {
      const isChunk = Number.isInteger(part.length) && part.length >= 1 && part.length <= chunkBytesMax;
      assert(isChunk, 'A part must be a data chunk.');
      this.#bytes += part.length;
      if (this.#bytes > fileBytesMax)
        throw new ShoalError('LIMIT', `A file can have at most ${fileBytesMax} bytes.`);
      if (this.#push(0, part)) await this.#cut(0);
    }
  }

  /** The recipe of all parts added; the builder is used up. */
  async finish(): Promise<Recipe> {
    for (let depth = 0; ; depth++) {
      const parts = this.#level(depth);
      const isTop = depth === this.#levels.length - 1;
      if (isTop && parts.length <= inlinePartsMax) return { depth, parts };
      if (parts.length > 0) await this.#cut(depth);
    }
  }

  /** @returns whether a recipe chunk ends here */
  #push(depth: number, part: Part): boolean {
    const parts = this.#level(depth);
    parts.push(part);
    const isCut = parts.length >= recipeChunkPartsMin && endsChunk(part.id);
    return isCut || parts.length === recipeChunkPartsMax;
  }

  /** Makes a recipe chunk of the parts waiting at `depth`: a part of the next depth. */
  async #cut(depth: number): Promise<void> {
    if (depth === recipeDepthMax) throw new ShoalError('LIMIT', 'A file has too many chunks for a recipe.');
    const parts = this.#level(depth);
    this.#levels[depth] = [];
    const bytes = encodeRecipeChunk(depth + 1, parts);
    const id = chunkIdOf(bytes);
    await this.#put(id, bytes);
    if (this.#push(depth + 1, { id, length: sumOf(parts) })) await this.#cut(depth + 1);
  }

  #level(depth: number): Part[] {
    const level = this.#levels[depth] ?? [];
    this.#levels[depth] = level;
    return level;
  }
}

/**
 * The data chunks of a file, in order. Holds one recipe chunk a depth.
 * @throws ShoalError CHUNK_MISSING with `id` if a recipe chunk is not there; MALFORMED if it is not what it should be
 */
export async function* recipeParts(
  nodes: { get(id: ChunkId): Promise<Uint8Array | undefined> },
  { depth, parts }: Recipe,
): AsyncGenerator<Part> {
  if (depth === 0) {
    yield* parts;
    return;
  }
  for (const part of parts) {
    const bytes = await nodes.get(part.id);
    if (bytes === undefined) {
      throw new ShoalError('CHUNK_MISSING', 'A chunk of a recipe is not in the store.', {
        data: { id: part.id },
      });
    }
    const below = recipeReferences(bytes, { depth, length: part.length });
    yield* recipeParts(nodes, { depth: depth - 1, parts: below });
  }
}

function endsChunk(id: ChunkId): boolean {
  return chunkIdWord(id, 0) % cutOneIn === 0;
}
