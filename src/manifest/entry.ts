/**
 * Entry: what stands at one path, and what is known of the writes that made it so. Nothing local to one device.
 *
 * `version` covers the writes that were made *at this path*. A live entry lists the `writes` that made exactly its
 * content: usually one, several when devices made equal content at once. A write marked `displaced` was made at
 * `conflictOf`, lost there to a concurrent one, and was moved here by a merge: it is not in this entry's version but
 * in that of the entry at `conflictOf`. See register.ts and merge-trees.ts.
 */
import { strict as assert } from 'node:assert';
import type { ChunkId } from '../chunking/index.js';
import type { RelPath } from './rel-path.js';
import { type Dot, type Version, versionIncludes, withDot } from './version.js';

/** One write, with the modification time it gave: nanoseconds since 1970, within 64 bits, may be negative. */
export interface Write extends Dot {
  readonly mtimeNs: bigint;
  /** Made at `conflictOf` and moved here by a merge. */
  readonly displaced?: true;
}

export interface Part {
  readonly id: ChunkId;
  /** Bytes of content under this part. */
  readonly length: number;
}

/** Depth 0: the parts are data chunks. Depth n: they are recipe chunks, whose own parts have depth n - 1. */
export interface Recipe {
  readonly depth: number;
  readonly parts: readonly Part[];
}

export interface FileContent {
  readonly kind: 'file';
  readonly executable: boolean;
  /** Bytes. */
  readonly size: number;
  readonly recipe: Recipe;
}

export interface DirectoryContent {
  readonly kind: 'directory';
}

export interface SymlinkContent {
  readonly kind: 'symlink';
  /** As the link has it; never followed. 1 to 4096 bytes of UTF-8. */
  readonly target: string;
}

/** What a write puts at a path. */
export type NewContent = FileContent | DirectoryContent | SymlinkContent;

/** What a device knows of the writes at a path. */
export interface Known {
  readonly path: RelPath;
  readonly version: Version;
  /**
   * Actors, sorted, whose latest write here was known to a later operation of another device at this path. A write of
   * any other actor is a head: it competes for this path. Left out when empty.
   */
  readonly overtaken?: readonly string[];
}

interface Live extends Known {
  /** At least one; sorted by actor, counter, and own before displaced. */
  readonly writes: readonly Write[];
}

interface Copyable extends Live {
  /** This is a conflict copy of what stands there. Kept when the copy is edited. */
  readonly conflictOf?: RelPath;
}

export interface FileEntry extends Copyable, FileContent {}
export interface DirectoryEntry extends Live, DirectoryContent {}
export interface SymlinkEntry extends Copyable, SymlinkContent {}
export interface DeletedEntry extends Known {
  readonly kind: 'deleted';
}

export type LiveEntry = FileEntry | DirectoryEntry | SymlinkEntry;
export type Entry = LiveEntry | DeletedEntry;

/** The modification time to show: the latest of the entry's writes. 0 for a deleted entry. */
export function mtimeNsOf(entry: Entry): bigint {
  if (entry.kind === 'deleted') return 0n;
  let latest: bigint | undefined;
  for (const { mtimeNs } of entry.writes) if (latest === undefined || mtimeNs > latest) latest = mtimeNs;
  return latest ?? 0n;
}

/** Whether both have the same kind, executable bit, recipe and target. Versions, writes and paths do not count. */
export function sameContent(a: NewContent | DeletedEntry, b: NewContent | DeletedEntry): boolean {
  if (a.kind === 'file' && b.kind === 'file') {
    return a.executable === b.executable && a.size === b.size && sameRecipe(a.recipe, b.recipe);
  }
  if (a.kind === 'symlink' && b.kind === 'symlink') return a.target === b.target;
  return a.kind === b.kind;
}

/**
 * The entry after a local write over `previous`, which is what the writer saw there.
 * @throws AssertionError if this actor counted as far before: a dot is used once
 */
export function supersede(
  previous: Entry | undefined,
  path: RelPath,
  content: NewContent,
  write: Write,
): LiveEntry {
  const { actor, counter, mtimeNs } = write;
  const known = afterOperation(path, previous, write);
  return liveEntry(known, [{ actor, counter, mtimeNs }], content, conflictOfEntry(previous));
}

/** The entry of `content`; `conflictOf` counts for what may be a conflict copy. */
export function liveEntry(
  known: Known,
  writes: readonly Write[],
  content: NewContent,
  conflictOf: RelPath | undefined,
): LiveEntry {
  const { overtaken } = known;
  const live = plainEntry(known, writes, content);
  const origin = content.kind === 'directory' ? undefined : conflictOf;
  if (overtaken === undefined && origin === undefined) return live;
  return {
    ...live,
    ...(overtaken === undefined ? {} : { overtaken }),
    ...(origin === undefined ? {} : { conflictOf: origin }),
  };
}

/** Field by field: to spread one object into another with more fields takes V8 5 us, and scans make an entry for each file. */
function plainEntry({ path, version }: Known, writes: readonly Write[], content: NewContent): LiveEntry {
  switch (content.kind) {
    case 'file': {
      const { executable, size, recipe } = content;
      return { kind: 'file', path, version, writes, executable, size, recipe };
    }
    case 'symlink':
      return { kind: 'symlink', path, version, writes, target: content.target };
    case 'directory':
      return { kind: 'directory', path, version, writes };
  }
}

/**
 * The entry after the local deletion of `previous`.
 * @throws AssertionError if this actor counted as far before: a dot is used once
 */
export function deleteEntry(previous: Entry, dot: Dot): DeletedEntry {
  return { kind: 'deleted', ...afterOperation(previous.path, previous, dot) };
}

/** What the entry is a conflict copy of, if it is one. */
export function conflictOfEntry(entry: Entry | undefined): RelPath | undefined {
  return entry?.kind === 'file' || entry?.kind === 'symlink' ? entry.conflictOf : undefined;
}

/**
 * Where the displaced writes that stand in `entry` were made; undefined if it has none. Who puts a merge in place step
 * by step must put such an entry in its place before the one at its origin, and take it away only after that one:
 * the origin's version says that these writes are known, and what is known and stands nowhere is gone for good.
 */
export function originOfDisplaced(entry: Entry | undefined): RelPath | undefined {
  if (entry === undefined || entry.kind === 'deleted') return undefined;
  return entry.writes.some(({ displaced }) => displaced) ? conflictOfEntry(entry) : undefined;
}

/** What is known of `path` once `dot` was made by somebody who saw `previous`: only `dot` is a head. */
function afterOperation(path: RelPath, previous: Entry | undefined, dot: Dot): Known {
  if (previous === undefined) return { path, version: new Map<string, number>().set(dot.actor, dot.counter) };
  const seen = previous.version;
  assert(!versionIncludes(seen, dot) || dot.counter === 0, 'A dot must not be used twice at one path.');
  const version = withDot(seen, dot);
  const overtaken = [...version.keys()].filter((actor) => actor !== dot.actor).sort();
  return overtaken.length === 0 ? { path, version } : { path, version, overtaken };
}

function sameRecipe(a: Recipe, b: Recipe): boolean {
  return (
    a.depth === b.depth &&
    a.parts.length === b.parts.length &&
    a.parts.every((part, index) => part.id === b.parts[index]?.id && part.length === b.parts[index]?.length)
  );
}
