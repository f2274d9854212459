/**
 * Reads and stores nodes, and walks along a tree. Every node is checked against what its parent says of it: level, last path,
 * totals, and that it begins after its left neighbour. So a tree that a peer made up cannot lead a walk in circles
 * or out of order. That the bytes match the id is the store's promise.
 */
import { malformed } from '../cbor/index.js';
import { type ChunkId, chunkIdOf, parseChunkId } from '../chunking/index.js';
import { isShoalError, ShoalError } from '../error.js';
import type { Entry } from './entry.js';
import {
  type ChildItem,
  decodeNode,
  encodeNode,
  type Item,
  type LeafHead,
  type LeafItem,
  leafHeads,
  type Node,
  type Totals,
} from './node.js';
import { NodeCache } from './node-cache.js';
import { compareRelPath, isUnder, type RelPath } from './rel-path.js';

/** Where nodes and recipe chunks are kept. `get` gives the bytes of exactly that id. */
export interface NodeStore {
  get(id: ChunkId): Promise<Uint8Array | undefined>;
  put(id: ChunkId, bytes: Uint8Array): Promise<void>;
}

export interface EntryRange {
  /** The first path that may come. */
  readonly from?: RelPath;
  /** Only this path and what is under it. */
  readonly under?: RelPath;
  /** Leaves out subtrees of the tree that hold nothing but deletions; single deleted entries may still come. */
  readonly skipDeleted?: boolean;
  /** Told the id of each node that is not there: what is under it is then left out. Without it the walk ends there. */
  readonly onMissing?: (id: ChunkId) => void;
}

/** What of a tree's heads is wanted. */
export type HeadRange = Pick<EntryRange, 'from' | 'under'>;

const what = 'manifest tree';

export class TreeReader {
  readonly #nodes: NodeStore;
  readonly #cache = new NodeCache();

  constructor(nodes: NodeStore) {
    this.#nodes = nodes;
  }

  /** @throws ShoalError CHUNK_MISSING with `id`; MALFORMED */
  async root(id: ChunkId): Promise<Node> {
    const cached = this.#cache.get(id);
    if (cached !== undefined) return cached;
    const bytes = await this.#nodes.get(id);
    if (bytes === undefined) throw missingNode(id);
    const node = decodeNode(bytes);
    this.#cache.add(id, node, bytes.length);
    return node;
  }

  /** Stores a node, and has it at hand. @returns its id */
  async put(node: Node): Promise<ChunkId> {
    const bytes = encodeNode(node);
    const id = chunkIdOf(bytes);
    await this.#nodes.put(id, bytes);
    this.#cache.add(id, node, bytes.length);
    return id;
  }

  /**
   * @param after - the path that everything under the child comes after
   * @throws ShoalError CHUNK_MISSING with `id`; MALFORMED if the child is not what its parent says
   */
  async child(parent: Node, item: ChildItem, after: RelPath | undefined): Promise<Node> {
    const node = await this.root(item.id);
    const first = node.items[0];
    if (first === undefined || node.items.at(-1)?.key !== item.key)
      throw malformed(what, 'a node does not end where its parent says');
    if (node.level !== parent.level - 1)
      throw malformed(what, 'a node is not of the level that its parent says');
    if (after !== undefined && compareRelPath(first.key, after) <= 0)
      throw malformed(what, 'two nodes overlap');
    if (!sameTotals(node.totals, item.totals))
      throw malformed(what, 'a node has not the totals that its parent says');
    return node;
  }

  async get(root: ChunkId, path: RelPath): Promise<Entry | undefined> {
    let node = await this.root(root);
    let after: RelPath | undefined;
    for (;;) {
      const index = firstAtOrAfter(node.items, path);
      const item = node.items[index];
      if (item === undefined) return undefined;
      if ('entry' in item) return item.key === path ? item.entry : undefined;
      after = node.items[index - 1]?.key ?? after;
      node = await this.child(node, item, after);
    }
  }

  /** In the order of paths. Holds one node a level. */
  async *entries(root: ChunkId, range: EntryRange = {}): AsyncGenerator<Entry> {
    const top = await unlessMissing(() => this.root(root), range);
    if (top === undefined) return;
    for await (const { entry } of this.#walk(top, undefined, range)) {
      if (range.under !== undefined && entry.path !== range.under && !isUnder(entry.path, range.under))
        return;
      yield entry;
    }
  }

  /**
   * The heads of all entries of our own tree, a leaf at a time, in order. Nodes are not checked against their parents:
   * they were when they were put.
   * With neighbours of what is in `range`, in the same leaves.
   */
  async *heads(root: ChunkId, range: HeadRange = {}): AsyncGenerator<readonly LeafHead[]> {
    const bytes = await this.#nodes.get(root);
    if (bytes === undefined) throw missingNode(root);
    const heads = leafHeads(bytes);
    if (heads !== undefined) {
      yield heads;
      return;
    }
    const { items } = await this.root(root);
    const { under } = range;
    for (let index = firstAtOrAfter(items, startOf(range)); index < items.length; index++) {
      const item = items[index];
      if (item === undefined || !('id' in item)) return;
      yield* this.heads(item.id, range);
      if (under !== undefined && item.key !== under && !isUnder(item.key, under)) return;
    }
  }

  async *#walk(node: Node, after: RelPath | undefined, range: EntryRange): AsyncGenerator<LeafItem> {
    for (let index = firstAtOrAfter(node.items, startOf(range)); index < node.items.length; index++) {
      const item = node.items[index];
      if (item === undefined) return;
      if ('entry' in item) {
        yield item;
      } else if (range.skipDeleted !== true || item.totals.files + item.totals.directories > 0) {
        const before = node.items[index - 1]?.key ?? after;
        const child = await unlessMissing(() => this.child(node, item, before), range);
        if (child !== undefined) yield* this.#walk(child, before, range);
      }
    }
  }
}

/** The index of the first item whose key is `path` or after it; the number of items if there is none. */
export function firstAtOrAfter(items: readonly Item[], path: RelPath | undefined): number {
  if (path === undefined) return 0;
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const item = items[middle];
    if (item !== undefined && compareRelPath(item.key, path) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function missingNode(id: ChunkId): ShoalError {
  return new ShoalError('CHUNK_MISSING', 'A node of the manifest is not in the store.', { data: { id } });
}

async function unlessMissing(
  read: () => Promise<Node>,
  { onMissing }: EntryRange,
): Promise<Node | undefined> {
  try {
    return await read();
  } catch (error) {
    if (onMissing === undefined || !isShoalError(error, 'CHUNK_MISSING')) throw error;
    onMissing(parseChunkId(String(error.data.id)));
    return undefined;
  }
}

function startOf({ from, under }: EntryRange): RelPath | undefined {
  if (from === undefined || under === undefined) return from ?? under;
  return compareRelPath(from, under) < 0 ? under : from;
}

function sameTotals(a: Totals, b: Totals): boolean {
  return (
    a.files === b.files && a.directories === b.directories && a.bytes === b.bytes && a.deleted === b.deleted
  );
}
