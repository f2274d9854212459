/**
 * Gives a device a tree again that lost a part of its own: after its store was lost or rebuilt, or when nodes of the tree
 * are gone that no peer has any more.
 *
 * What can be read of the own tree stays. For the rest the trees of the peers tell what stands in the folder: where a
 * file has the size and the time of a peer's entry that is newer than the own one, that entry is taken as the own one.
 * Its bytes are not believed for that: no stat record vouches for them, so the next scan reads them, and what differs is
 * in doubt (rot.ts) and not an edit. Without this every file would be a new write, rot included.
 *
 * Nothing that is absent is taken for deleted: a path of which nothing is known has no entry, and comes back from the
 * peers or, where it stands in the folder, as a write of its own.
 */
import type { ChunkId } from '../chunking/index.js';
import type { IgnoreRules } from '../folder/index.js';
import { compareVersions, type Entry, mtimeNsOf, type RelPath } from '../manifest/index.js';
import type { ChunkSource } from './chunk-source.js';
import type { OpenShare } from './open-share.js';
import { repairTree } from './repair-tree.js';
import { isSameTime } from './torn.js';

/** Entries that go into the tree together. */
const entriesPerChange = 4096;

/** @returns how many entries were taken over */
export async function adoptTree(
  share: OpenShare,
  source: ChunkSource,
  signal?: AbortSignal,
): Promise<number> {
  const { replica } = share;
  const ignore = await share.folder.loadIgnore();
  const roots: ChunkId[] = [];
  for (const root of await source.roots(signal)) {
    if (root === replica.root) continue;
    const { missing } = await repairTree(replica, root, source, signal);
    if (missing.length === 0) roots.push(root);
  }
  return replica.exclusive(async () => {
    const growing = new GrowingTree(share, await replica.tree.emptyRoot());
    // A node that is gone says nothing: neither that its files are there, nor that they were deleted.
    for await (const entry of replica.storedTree.entries(replica.root, { onMissing: () => undefined }))
      await growing.add(entry);
    let adopted = 0;
    for (const root of roots) {
      await growing.flush();
      for await (const entry of replica.storedTree.entries(root)) {
        signal?.throwIfAborted();
        if (!(await growing.lacks(entry)) || !(await stands(share, entry, ignore))) continue;
        await growing.add(entry);
        adopted++;
      }
    }
    await replica.renewTree(await growing.flush());
    return adopted;
  });
}

class GrowingTree {
  readonly #share: OpenShare;
  #root: ChunkId;
  #changes = new Map<RelPath, Entry>();

  constructor(share: OpenShare, root: ChunkId) {
    this.#share = share;
    this.#root = root;
  }

  /** Whether what is known at the path of `entry` is older. */
  async lacks(entry: Entry): Promise<boolean> {
    const known =
      this.#changes.get(entry.path) ?? (await this.#share.replica.tree.get(this.#root, entry.path));
    return known === undefined || compareVersions(known.version, entry.version) === 'before';
  }

  async add(entry: Entry): Promise<void> {
    this.#changes.set(entry.path, entry);
    if (this.#changes.size >= entriesPerChange) await this.flush();
  }

  async flush(): Promise<ChunkId> {
    const changes = this.#changes;
    this.#changes = new Map();
    if (changes.size > 0) this.#root = await this.#share.replica.tree.change(this.#root, changes);
    return this.#root;
  }
}

/** Whether something stands in the folder that may be what `entry` says. */
async function stands({ folder }: OpenShare, entry: Entry, ignore: IgnoreRules): Promise<boolean> {
  if (entry.kind === 'deleted') return false;
  const found = await folder.look(entry.path, ignore);
  if (found?.kind !== entry.kind) return false;
  if (found.kind === 'symlink') return entry.kind === 'symlink' && found.target === entry.target;
  if (found.kind !== 'file') return found.kind === 'directory';
  return (
    entry.kind === 'file' &&
    found.stat.size === entry.size &&
    isSameTime(found.stat.mtimeNs, mtimeNsOf(entry))
  );
}
