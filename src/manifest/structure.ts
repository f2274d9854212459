/**
 * Structure: what lies under a path lives only if the path is a directory. Merging is per path and can break that:
 * one device deletes a directory, or puts a file in its place, while another one writes into it. What is live under
 * the path wins: the directory comes back, and a file that stood in its place moves to a conflict path.
 *
 * The repair is an ordinary write of the device that makes it. Devices that make it at once write equal contents,
 * which is no conflict.
 */
import type { ChunkId } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { conflictPath } from './conflict-path.js';
import { type Entry, mtimeNsOf, sameContent, supersede, type Write } from './entry.js';
import { compareRelPath, parentOf, type RelPath } from './rel-path.js';
import type { Tree } from './tree.js';

/** Something live lies under `path`, which is no directory. */
export interface Fault {
  readonly path: RelPath;
  /** What stands there: a file, a symlink, a deletion or nothing. */
  readonly entry: Entry | undefined;
  /** Where the content of a file or symlink goes, and what stands there: a deletion, the same content, or nothing. */
  readonly refuge?: { readonly path: RelPath; readonly entry: Entry | undefined };
}

/** Names tried for a refuge; each is taken only if somebody put something else under a name made from a hash. */
const refugesMax = 16;

/**
 * The faults that a change of `changed` can have caused in the tree under `root`; from the top down.
 * @throws ShoalError CHUNK_MISSING with `id`; MALFORMED
 */
export async function structureFaults(
  tree: Tree,
  root: ChunkId,
  changed: readonly RelPath[],
): Promise<Fault[]> {
  const seen = new Set<RelPath>();
  const faults: Fault[] = [];
  const examine = async (path: RelPath, isParent: boolean): Promise<void> => {
    if (seen.has(path)) return;
    const entry = await tree.get(root, path);
    if (entry?.kind === 'directory' || (!isParent && !(await hasLiveUnder(tree, root, path)))) return;
    seen.add(path);
    faults.push({ path, entry, ...(await refugeOf(tree, root, path, entry)) });
  };
  const parents = new Set<RelPath>();
  for (const path of changed) {
    await examine(path, false);
    if (isLive(await tree.get(root, path))) addParents(parents, path);
  }
  for (const parent of parents) await examine(parent, true);
  return faults.sort((a, b) => compareRelPath(a.path, b.path));
}

/**
 * The entries that mend `fault`: all of them must go into the tree together.
 * @param write - a new write of this device; its time becomes that of the directory
 */
export function mendFault({ path, entry, refuge }: Fault, write: Write): Entry[] {
  const directory = supersede(entry, path, { kind: 'directory' }, write);
  if (refuge === undefined || (entry?.kind !== 'file' && entry?.kind !== 'symlink')) return [directory];
  const copy = supersede(refuge.entry, refuge.path, entry, { ...write, mtimeNs: mtimeNsOf(entry) });
  return [directory, copy.kind === 'directory' ? copy : { ...copy, conflictOf: path }];
}

async function refugeOf(
  tree: Tree,
  root: ChunkId,
  path: RelPath,
  entry: Entry | undefined,
): Promise<Pick<Fault, 'refuge'>> {
  if (entry?.kind !== 'file' && entry?.kind !== 'symlink') return {};
  let refuge = conflictPath(path, entry);
  for (let tried = 0; tried < refugesMax; tried++) {
    const standing = await tree.get(root, refuge);
    if (!isLive(standing) || sameContent(standing, entry))
      return { refuge: { path: refuge, entry: standing } };
    refuge = conflictPath(refuge, entry);
  }
  throw new ShoalError('LIMIT', 'No name is free for the conflict copy of a file.', { data: { path } });
}

async function hasLiveUnder(tree: Tree, root: ChunkId, path: RelPath): Promise<boolean> {
  for await (const entry of tree.entries(root, { under: path, skipDeleted: true })) {
    if (entry.path !== path && isLive(entry)) return true;
  }
  return false;
}

function isLive(entry: Entry | undefined): entry is Exclude<Entry, { kind: 'deleted' }> {
  return entry !== undefined && entry.kind !== 'deleted';
}

function addParents(parents: Set<RelPath>, path: RelPath): void {
  for (let parent = parentOf(path); parent !== undefined && !parents.has(parent); parent = parentOf(parent)) {
    parents.add(parent);
  }
}
