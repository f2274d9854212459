/** The canonical fields of what a write puts at a path: the tail of an entry's encoding, and what names a conflict copy. */
import { type CanonicalWriter, encodeCanonical, type FieldReader } from '../cbor/index.js';
import type { FileContent, NewContent, SymlinkContent } from './entry.js';
import { fileBytesMax, readRecipe, writeParts } from './recipe-codec.js';

export const kindCodes = { file: 1, directory: 2, symlink: 3, deleted: 4 } as const;
export const targetBytesMax = 4096;

/** How many values `writeContent` writes. */
export const contentValues = { file: 4, directory: 0, symlink: 1 } as const;

export function writeContent(to: CanonicalWriter, content: NewContent): void {
  if (content.kind === 'symlink') to.text(content.target);
  if (content.kind !== 'file') return;
  to.boolean(content.executable);
  to.integer(content.size);
  to.integer(content.recipe.depth);
  writeParts(to, content.recipe.parts);
}

/** Equal for equal contents only, whatever else is known of the writes that made them. */
export function encodeContent(content: NewContent): Uint8Array {
  return encodeCanonical((to) => {
    to.array(1 + contentValues[content.kind]);
    to.integer(kindCodes[content.kind]);
    writeContent(to, content);
  });
}

/** @throws ShoalError MALFORMED */
export function readFile(fields: FieldReader, what: string): FileContent {
  const executable = fields.boolean('the executable bit');
  const size = fields.integer('the size', 0, fileBytesMax);
  return { kind: 'file', executable, size, recipe: readRecipe(fields, what, size) };
}

/** @throws ShoalError MALFORMED */
export function readSymlink(fields: FieldReader): SymlinkContent {
  return { kind: 'symlink', target: fields.text('the target', targetBytesMax) };
}
