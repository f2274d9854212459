/**
 * Tree: a whole folder as a sorted map from path to entry, cut into nodes by the content of the keys (a prolly
 * tree) and named by the id of its root node. Trees are values: a change gives another root, and shares every
 * node that did not change. Equal sets of entries have equal roots, whatever the history.
 */
import type { ChunkId } from '../chunking/index.js';
import type { Entry } from './entry.js';
import { type LeafHead, LeafItem, nodeOf, type Totals } from './node.js';
import { NodeEnds, type TreeKey } from './node-builder.js';
import { compareRelPath, type RelPath } from './rel-path.js';
import { type Difference, diffTrees } from './tree-diff.js';
import { type EntryRange, type HeadRange, type NodeStore, TreeReader } from './tree-reader.js';
import { type Change, type RewriteContext, rewrite } from './tree-rewrite.js';

export class Tree {
  readonly #reader: TreeReader;
  readonly #rewriting: RewriteContext;

  /**
   * @param nodes - where nodes are read from and put
   * @param key - 32 bytes derived from the share id; trees of different keys have different shapes
   */
  constructor(nodes: NodeStore, key: TreeKey) {
    this.#reader = new TreeReader(nodes);
    this.#rewriting = { reader: this.#reader, ends: new NodeEnds(key) };
  }

  /** The root of the tree without entries; its node is put. */
  emptyRoot(): Promise<ChunkId> {
    return this.#reader.put(nodeOf(1, []));
  }

  /** @throws ShoalError CHUNK_MISSING with `id`; MALFORMED. So do all methods below. */
  get(root: ChunkId, path: RelPath): Promise<Entry | undefined> {
    return this.#reader.get(root, path);
  }

  /** In the order of `compareRelPath`, streaming. */
  entries(root: ChunkId, range?: EntryRange): AsyncGenerator<Entry> {
    return this.#reader.entries(root, range);
  }

  /** As `entries`, much faster and for our own tree only: heads of entries, many at a time. @see TreeReader.heads */
  heads(root: ChunkId, range?: HeadRange): AsyncGenerator<readonly LeafHead[]> {
    return this.#reader.heads(root, range);
  }

  async totals(root: ChunkId): Promise<Totals> {
    return (await this.#reader.root(root)).totals;
  }

  /** The paths where two trees differ, in order, streaming. Equal subtrees are not read. */
  diff(left: ChunkId, right: ChunkId): AsyncGenerator<Difference> {
    return diffTrees(this.#reader, left, right);
  }

  /** The tree with `entries` in place of what stood at their paths, and nothing at those of `removed`; the last one of a path counts. */
  apply(root: ChunkId, entries: readonly Entry[], removed: readonly RelPath[] = []): Promise<ChunkId> {
    const changes: Change[] = [];
    for (const entry of entries) changes.push({ key: entry.path, item: LeafItem.of(entry) });
    for (const key of removed) changes.push({ key, item: undefined });
    return this.#rewrite(root, changes);
  }

  /** The tree with what `changes` says at each of its paths; undefined: nothing at all. */
  change(root: ChunkId, changes: ReadonlyMap<RelPath, Entry | undefined>): Promise<ChunkId> {
    return this.#rewrite(
      root,
      Array.from(changes, ([key, entry]) => ({ key, item: entry && LeafItem.of(entry) })),
    );
  }

  /** @param changes - in the order they were made; they are sorted in their place */
  async #rewrite(root: ChunkId, changes: Change[]): Promise<ChunkId> {
    changes.sort((a, b) => compareRelPath(a.key, b.key)); // stable: the last one of a path stays the last
    const last = changes.filter(({ key }, index) => changes[index + 1]?.key !== key);
    return (await rewrite(this.#rewriting, root, last)) ?? (await this.emptyRoot());
  }
}
