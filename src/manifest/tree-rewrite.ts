/**
 * Changes a tree, level by level from the leaves up. At each level the changes are what became of the level below:
 * nodes that went and nodes that came. Only nodes that a change touches are read, with as many neighbours as it
 * takes until a cut falls where one was before: from there on, the old nodes are what they were.
 */
import type { ChunkId } from '../chunking/index.js';
import { LevelCursor } from './level-cursor.js';
import type { ChildItem, Item, Node } from './node.js';
import { NodeBuilder, type NodeEnds } from './node-builder.js';
import { compareRelPath, type RelPath } from './rel-path.js';
import type { TreeReader } from './tree-reader.js';

/** What shall stand at a key; undefined: nothing. */
export interface Change {
  readonly key: RelPath;
  readonly item: Item | undefined;
}

export interface RewriteContext {
  readonly reader: TreeReader;
  readonly ends: NodeEnds;
  /** What the last rewriting used: V8 throws away what it compiled for a class when a collection finds no object of it. */
  kept?: unknown;
}

/**
 * @param changes - of level 1; sorted, each key once
 * @returns the new root; undefined if nothing is left
 */
export async function rewrite(
  context: RewriteContext,
  root: ChunkId,
  changes: readonly Change[],
): Promise<ChunkId | undefined> {
  const height = (await context.reader.root(root)).level;
  let pending = changes;
  for (let level = 1; pending.length > 0; level++) {
    const builder = new NodeBuilder(level, context.ends, context.reader);
    const cursor = level <= height ? await LevelCursor.open(context.reader, root, level) : undefined;
    const rewriting = new LevelRewrite(builder, cursor, pending);
    context.kept = rewriting;
    const gone = await rewriting.run();
    // From the old root's level on, whatever was there has been rewritten: what was made is all there is.
    if (level >= height && builder.made.length <= 1) return lowestRoot(context.reader, builder.made[0]?.id);
    pending =
      level < height
        ? differences(gone, builder.made)
        : builder.made.map((item) => ({ key: item.key, item }));
  }
  return root;
}

class LevelRewrite {
  readonly #builder: NodeBuilder;
  readonly #cursor: LevelCursor | undefined;
  readonly #changes: readonly Change[];
  /** The last paths of the old nodes that were rewritten. */
  readonly #gone: RelPath[] = [];
  #next = 0;

  constructor(builder: NodeBuilder, cursor: LevelCursor | undefined, changes: readonly Change[]) {
    this.#builder = builder;
    this.#cursor = cursor;
    this.#changes = changes;
  }

  /** @returns the last paths of the old nodes that were rewritten */
  async run(): Promise<readonly RelPath[]> {
    for (let change = this.#changes[this.#next]; change !== undefined; change = this.#changes[this.#next]) {
      if (this.#cursor === undefined) {
        await this.#merge([], undefined);
        await this.#builder.cut();
      } else {
        await this.#rewriteFrom(this.#cursor, await this.#firstNode(this.#cursor, change));
      }
    }
    return this.#gone;
  }

  /** Where to begin: the node before the change's, if that one was cut only because the change's first item did not fit. */
  async #firstNode(cursor: LevelCursor, change: Change): Promise<Node> {
    const node = await cursor.seek(change.key);
    const first = node.items[0];
    if (first === undefined || compareRelPath(change.key, first.key) > 0) return node;
    const before = await cursor.previous();
    if (before === undefined) return node;
    const end = before.items.at(-1);
    if (end !== undefined && !this.#builder.endsNode(end.key) && this.#gone.at(-1) !== end.key) return before;
    return (await cursor.next()) ?? node;
  }

  /** Rewrites from `node` to where an old cut holds again. */
  async #rewriteFrom(cursor: LevelCursor, node: Node): Promise<void> {
    for (
      let current: Node | undefined = node;
      current !== undefined;
      current = await this.#following(cursor)
    ) {
      const end = current.items.at(-1);
      if (end !== undefined) this.#gone.push(end.key);
      await this.#merge(current.items, cursor.isAtLast ? undefined : end?.key);
      if (this.#builder.isBetweenNodes) return;
    }
    await this.#builder.cut();
  }

  /** The next old node that must be rewritten because a new one reaches into it; undefined if a cut falls before it. */
  async #following(cursor: LevelCursor): Promise<Node | undefined> {
    const node = await cursor.next();
    const [first, end] = [node?.items[0], node?.items.at(-1)];
    if (first === undefined || end === undefined) return undefined;
    const change = this.#changes[this.#next];
    const isTouched = change !== undefined && compareRelPath(change.key, end.key) <= 0;
    return isTouched || this.#builder.hasRoomFor(first) ? node : undefined;
  }

  /** Adds the items with the changes up to `limit`; all remaining changes if there is no limit. */
  async #merge(items: readonly Item[], limit: RelPath | undefined): Promise<void> {
    const merged: Item[] = [];
    let index = 0;
    for (;;) {
      const item = items[index];
      let change = this.#changes[this.#next];
      if (change !== undefined && limit !== undefined && compareRelPath(change.key, limit) > 0)
        change = undefined;
      if (item === undefined && change === undefined) break;
      const order = item === undefined ? 1 : change === undefined ? -1 : compareRelPath(item.key, change.key);
      const chosen = order < 0 ? item : change?.item;
      if (order <= 0) index++;
      if (order >= 0) this.#next++;
      if (chosen !== undefined) merged.push(chosen);
    }
    await this.#builder.add(merged);
  }
}

/** What a level's rewriting means to the level above. */
function differences(gone: readonly RelPath[], made: readonly ChildItem[]): Change[] {
  const changes = new Map<RelPath, ChildItem | undefined>();
  for (const key of gone) changes.set(key, undefined);
  for (const item of made) changes.set(item.key, item);
  return [...changes].map(([key, item]) => ({ key, item })).sort((a, b) => compareRelPath(a.key, b.key));
}

/** A tree's root is its lowest level that has a single node: a chain of only children above it does not count. */
async function lowestRoot(reader: TreeReader, id: ChunkId | undefined): Promise<ChunkId | undefined> {
  if (id === undefined) return undefined;
  for (let root = id; ; ) {
    const { items } = await reader.root(root);
    const only = items.length === 1 ? items[0] : undefined;
    if (only === undefined || !('id' in only)) return root;
    root = only.id;
  }
}
