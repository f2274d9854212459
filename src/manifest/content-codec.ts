/** The canonical fields of what a write puts at a path: the tail of an entry's encoding, and what names a conflict copy. */
import { type Canonical, encodeCanonical, type FieldReader } from './canonical.js';
import type { FileContent, NewContent, SymlinkContent } from './entry.js';
import { fileBytesMax, partFields, readRecipe } from './recipe-codec.js';

export const kindCodes = { file: 1, directory: 2, symlink: 3, deleted: 4 } as const;
export const targetBytesMax = 4096;

export function contentFields(content: NewContent): Canonical[] {
  switch (content.kind) {
    case 'file':
      return [content.executable, content.size, content.recipe.depth, partFields(content.recipe.parts)];
    case 'symlink':
      return [content.target];
    case 'directory':
      return [];
  }
}

/** Equal for equal contents only, whatever else is known of the writes that made them. */
export function encodeContent(content: NewContent): Uint8Array {
  return encodeCanonical([kindCodes[content.kind], ...contentFields(content)]);
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
