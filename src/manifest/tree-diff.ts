/**
 * The difference of two trees, in the order of paths. Subtrees with one id are equal and are skipped unread, so the
 * cost goes with the difference. Holds one node a level and side. The trees may have different heights.
 */
import type { ChunkId } from '../chunking/index.js';
import { equalBytes } from './bytes.js';
import type { Entry } from './entry.js';
import type { ChildItem, Item, LeafItem, Node } from './node.js';
import { compareRelPath, type RelPath } from './rel-path.js';
import type { TreeReader } from './tree-reader.js';

export interface Difference {
  readonly path: RelPath;
  /** Undefined where the tree has nothing at all at this path. */
  readonly left?: Entry;
  readonly right?: Entry;
}

export async function* diffTrees(
  reader: TreeReader,
  leftRoot: ChunkId,
  rightRoot: ChunkId,
): AsyncGenerator<Difference> {
  if (leftRoot === rightRoot) return;
  const left = new Frontier(reader, await reader.root(leftRoot));
  const right = new Frontier(reader, await reader.root(rightRoot));
  for (;;) {
    const [a, b] = [left.front, right.front];
    if (a === undefined && b === undefined) return;
    if (isInner(a) && isInner(b)) {
      if (a.id === b.id) {
        left.skip();
        right.skip();
      } else {
        await (left.level >= right.level ? left : right).expand();
      }
    } else if (isInner(a)) {
      await left.expand();
    } else if (isInner(b)) {
      await right.expand();
    } else {
      yield* compareFronts(left, right, a, b);
    }
  }
}

/** Takes the lower of two entries, or both where they are of one path. */
function* compareFronts(
  left: Frontier,
  right: Frontier,
  a: LeafItem | undefined,
  b: LeafItem | undefined,
): Generator<Difference> {
  const order = a === undefined ? 1 : b === undefined ? -1 : compareRelPath(a.key, b.key);
  if (order <= 0) left.skip();
  if (order >= 0) right.skip();
  if (order < 0 && a !== undefined) yield { path: a.key, left: a.entry };
  else if (order > 0 && b !== undefined) yield { path: b.key, right: b.entry };
  else if (a !== undefined && b !== undefined && !equalBytes(a.bytes, b.bytes)) {
    yield { path: a.key, left: a.entry, right: b.entry };
  }
}

function isInner(item: Item | undefined): item is ChildItem {
  return item !== undefined && 'id' in item;
}

/** What is still to come of a tree: the front item, and what follows it on each level. */
class Frontier {
  readonly #reader: TreeReader;
  readonly #stack: { readonly node: Node; readonly after: RelPath | undefined; index: number }[];

  constructor(reader: TreeReader, root: Node) {
    this.#reader = reader;
    this.#stack = [{ node: root, after: undefined, index: 0 }];
  }

  get front(): Item | undefined {
    const top = this.#stack.at(-1);
    return top?.node.items[top.index];
  }

  /** The level of the node that holds the front item; 0 at the end. */
  get level(): number {
    return this.#stack.at(-1)?.node.level ?? 0;
  }

  skip(): void {
    const top = this.#stack.at(-1);
    if (top === undefined) return;
    top.index++;
    while (this.#stack.length > 0 && this.front === undefined) {
      this.#stack.pop();
      const above = this.#stack.at(-1);
      if (above !== undefined) above.index++;
    }
  }

  /** Puts a child's items in its place. */
  async expand(): Promise<void> {
    const top = this.#stack.at(-1);
    const item = this.front;
    if (top === undefined || item === undefined || !('id' in item)) return;
    const after = top.node.items[top.index - 1]?.key ?? top.after;
    this.#stack.push({ node: await this.#reader.child(top.node, item, after), after, index: 0 });
  }
}
