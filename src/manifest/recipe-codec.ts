/**
 * Recipes as bytes: the list of parts inside an entry, and the recipe chunk that holds a stretch of a long recipe.
 * Whatever is decoded has sane lengths whose sum is what was declared.
 */
import {
  type CanonicalWriter,
  decodeFields,
  encodeCanonical,
  type FieldReader,
  malformed,
} from '../cbor/index.js';
import { type ChunkId, chunkBytesMax, chunkIdBytes, chunkIdFromBytes } from '../chunking/index.js';
import type { Part, Recipe } from './entry.js';

/** Largest file: 1 PiB, so that sums of sizes stay exact. */
export const fileBytesMax = 2 ** 50;
/** Parts that an entry itself can hold. */
export const inlinePartsMax = 16;
export const recipeDepthMax = 4;
/** Parts in one recipe chunk: at most 44 KiB encoded, well under `chunkBytesMax`. */
export const recipeChunkPartsMax = 1024;
const recipeFormat = 1;

/** One value: the list of `parts`. */
export function writeParts(to: CanonicalWriter, parts: readonly Part[]): void {
  to.array(2 * parts.length);
  for (const { id, length } of parts) {
    to.hexBytes(id);
    to.integer(length);
  }
}

/**
 * The recipe of a file of `size` bytes.
 * @throws ShoalError MALFORMED
 */
export function readRecipe(fields: FieldReader, what: string, size: number): Recipe {
  const depth = fields.integer('the recipe depth', 0, recipeDepthMax);
  const list = fields.list('the recipe', 2, { min: 0, max: inlinePartsMax });
  const parts = readParts(list, depth);
  if (sumOf(parts) !== size) throw malformed(what, 'the lengths of its parts do not sum up to its size');
  if (size === 0 && depth > 0) throw malformed(what, 'an empty file has recipe chunks');
  return { depth, parts };
}

/** A recipe chunk of `depth` (1 or more): its parts have depth - 1. */
export function encodeRecipeChunk(depth: number, parts: readonly Part[]): Uint8Array {
  return encodeCanonical((to) => {
    to.array(4);
    to.integer(recipeFormat);
    to.integer(depth);
    to.integer(sumOf(parts));
    writeParts(to, parts);
  });
}

/**
 * What a recipe chunk, which may come from anybody, refers to.
 * @param expected - what the recipe above says of this chunk: its own depth (1 or more) and the bytes below it
 * @throws ShoalError MALFORMED if it is no recipe chunk, or not the expected one
 */
export function recipeReferences(
  bytes: Uint8Array,
  expected?: { readonly depth: number; readonly length: number },
): Part[] {
  const what = 'recipe chunk';
  const fields = decodeFields(bytes, what, chunkBytesMax);
  fields.integer('the format', recipeFormat, recipeFormat);
  const depth = fields.integer('the depth', 1, recipeDepthMax);
  const length = fields.integer('the length', 1, fileBytesMax);
  const parts = readParts(fields.list('the part list', 2, { min: 1, max: recipeChunkPartsMax }), depth - 1);
  fields.end();
  if (sumOf(parts) !== length) throw malformed(what, 'the lengths of its parts do not sum up to its length');
  if (expected !== undefined && (expected.depth !== depth || expected.length !== length)) {
    throw malformed(what, 'it is not of the depth and length that the recipe above says');
  }
  return parts;
}

export function sumOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function readParts(list: FieldReader, depth: number): Part[] {
  const lengthMax = depth === 0 ? chunkBytesMax : fileBytesMax;
  const parts: Part[] = [];
  while (list.remaining > 0) {
    const id: ChunkId = chunkIdFromBytes(list.bytes('a chunk id', chunkIdBytes, chunkIdBytes));
    parts.push({ id, length: list.integer('a part length', 1, lengthMax) });
  }
  return parts;
}
