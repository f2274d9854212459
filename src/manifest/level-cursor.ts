/**
 * A cursor over the nodes of one level of a tree, from left to right. It keeps the way from the root to where it
 * stands, so a step to a neighbour reads only the nodes that are not on that way already.
 */
import { strict as assert } from 'node:assert';
import type { ChunkId } from '../chunking/index.js';
import type { Node } from './node.js';
import type { RelPath } from './rel-path.js';
import { firstAtOrAfter, type TreeReader } from './tree-reader.js';

interface Step {
  readonly node: Node;
  /** Everything under `node` comes after this path. */
  readonly after: RelPath | undefined;
  /** The child the way goes on through. Not used in the last step. */
  index: number;
}

export class LevelCursor {
  readonly #reader: TreeReader;
  readonly #level: number;
  #way: Step[];

  private constructor(reader: TreeReader, level: number, root: Node) {
    this.#reader = reader;
    this.#level = level;
    this.#way = [{ node: root, after: undefined, index: 0 }];
  }

  /** @param level - at most that of the root */
  static async open(reader: TreeReader, root: ChunkId, level: number): Promise<LevelCursor> {
    return new LevelCursor(reader, level, await reader.root(root));
  }

  /** Whether the cursor stands at the last node of its level. */
  get isAtLast(): boolean {
    return this.#way.slice(0, -1).every(({ node, index }) => index === node.items.length - 1);
  }

  /** Goes to the node that `path` belongs in: the first one that does not end before it, else the last one. */
  async seek(path: RelPath): Promise<Node> {
    const old = this.#way;
    this.#way = old.slice(0, 1);
    for (let depth = 0; ; depth++) {
      const step = this.#last();
      if (step.node.level === this.#level) return step.node;
      const index = Math.min(firstAtOrAfter(step.node.items, path), step.node.items.length - 1);
      const known = old[depth + 1];
      if (known !== undefined && step.index === index) {
        this.#way.push(known);
      } else {
        step.index = index;
        old.length = depth + 1;
        await this.#descend();
      }
    }
  }

  next(): Promise<Node | undefined> {
    return this.#move(1);
  }

  previous(): Promise<Node | undefined> {
    return this.#move(-1);
  }

  /** Goes to a neighbour. @returns undefined, and stays, if there is none */
  async #move(by: 1 | -1): Promise<Node | undefined> {
    const fork = this.#way.findLastIndex(
      ({ node, index }) => node.level > this.#level && node.items[index + by] !== undefined,
    );
    const step = this.#way[fork];
    if (step === undefined) return undefined;
    this.#way.length = fork + 1;
    step.index += by;
    for (let last = step; last.node.level > this.#level; last = this.#last()) {
      if (last !== step) last.index = by > 0 ? 0 : last.node.items.length - 1;
      await this.#descend();
    }
    return this.#last().node;
  }

  async #descend(): Promise<void> {
    const { node, after, index } = this.#last();
    const item = node.items[index];
    assert(item !== undefined && 'id' in item, 'A cursor descends only through inner nodes.');
    const before = node.items[index - 1]?.key ?? after;
    this.#way.push({ node: await this.#reader.child(node, item, before), after: before, index: 0 });
  }

  #last(): Step {
    const step = this.#way.at(-1);
    assert(step !== undefined, 'The way always has the root.');
    return step;
  }
}
