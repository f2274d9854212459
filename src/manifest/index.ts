/**
 * The manifest: a whole folder as a Merkle tree of entries, how two of them differ, and how they merge. Pure: no
 * I/O of its own, no clock, no randomness. Nodes come and go through the `NodeStore` that the caller gives.
 */
export { conflictPath, hasConflictName } from './conflict-path.js';
export {
  type DeletedEntry,
  type DirectoryEntry,
  deleteEntry,
  type Entry,
  type FileEntry,
  type LiveEntry,
  mtimeNsOf,
  type NewContent,
  originOfDisplaced,
  type Part,
  type Recipe,
  type SymlinkEntry,
  sameContent,
  supersede,
  type Write,
} from './entry.js';
export { decodeEntry, encodeEntry, entryBytesMax, sameEntry } from './entry-codec.js';
export { mergeTrees } from './merge-trees.js';
export { type LeafHead, nodeBytesMax, nodeReferences, type Totals } from './node.js';
export type { TreeKey } from './node-builder.js';
export { inlineRecipe, RecipeBuilder, recipeParts } from './recipe.js';
export { recipeReferences } from './recipe-codec.js';
export {
  baseNameOf,
  compareRelPath,
  isUnder,
  joinRelPath,
  parentOf,
  parseRelPath,
  type RelPath,
} from './rel-path.js';
export { type Fault, mendFault, structureFaults } from './structure.js';
export { Tree } from './tree.js';
export type { Difference } from './tree-diff.js';
export type { EntryRange, NodeStore } from './tree-reader.js';
export {
  compareVersions,
  type Dot,
  joinVersions,
  type Version,
  type VersionOrder,
  versionIncludes,
  withDot,
} from './version.js';
