/**
 * Cuts a sequence of items into nodes of one level. Where it cuts depends on the items since the last cut alone:
 * after a key that ends a node of this level, and before an item that would make the node too large. So the shape
 * of a tree is a function of its entries, whatever the history.
 */
import { hashBytes, hashWord } from '../chunking/index.js';
import {
  type ChildItem,
  childItem,
  type Item,
  itemOverheadBytes,
  nodeBytesMax,
  nodeOf,
  nodeOverheadBytes,
} from './node.js';
import { pathBytesMax, type RelPath } from './rel-path.js';
import type { TreeReader } from './tree-reader.js';

/** Derived from the share id, so that nobody can choose names that give a tree of one share a bad shape for all shares. */
export type TreeKey = Uint8Array;

/** A key ends a node of level n in one of 64^n cases. */
const bitsALevel = 6;
const wordBits = 32;
const encoder = new TextEncoder();

/** Which paths end nodes. */
export class NodeEnds {
  /** The key of the tree, and room for a path behind it. */
  readonly #material: Uint8Array;
  readonly #pathPart: Uint8Array;
  /** Its fronts, by the length of the path: thousands are asked for, and few lengths are. */
  readonly #fronts: Uint8Array[] = [];

  constructor(key: TreeKey) {
    this.#material = new Uint8Array(key.length + pathBytesMax);
    this.#material.set(key);
    this.#pathPart = this.#material.subarray(key.length);
  }

  /** Whether `path` ends a node of `level`, whatever comes before and after. */
  isEnd(path: RelPath, level: number): boolean {
    const { written } = encoder.encodeInto(path, this.#pathPart);
    this.#fronts[written] ??= this.#material.subarray(
      0,
      this.#material.length - this.#pathPart.length + written,
    );
    const front = this.#fronts[written];
    const zeros = bitsALevel * level;
    if (zeros <= wordBits) return Math.clz32(hashWord(front)) >= zeros;
    return leadingZeroBits(hashBytes(front)) >= zeros;
  }
}

export class NodeBuilder {
  /** What was made, in order. */
  readonly made: ChildItem[] = [];
  readonly #level: number;
  readonly #ends: NodeEnds;
  readonly #reader: TreeReader;
  #items: Item[] = [];
  #bytes = nodeOverheadBytes;

  constructor(level: number, ends: NodeEnds, reader: TreeReader) {
    this.#level = level;
    this.#ends = ends;
    this.#reader = reader;
  }

  /** Whether the last item added ended a node, or none was added. */
  get isBetweenNodes(): boolean {
    return this.#items.length === 0;
  }

  /** Whether `item` would still go into the node being built. */
  hasRoomFor(item: Item): boolean {
    return this.#bytes + item.bytes.length + itemOverheadBytes <= nodeBytesMax;
  }

  async add(items: readonly Item[]): Promise<void> {
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as Item;
      if (!this.hasRoomFor(item)) await this.cut();
      this.#items.push(item);
      this.#bytes += item.bytes.length + itemOverheadBytes;
      if (this.endsNode(item.key)) await this.cut();
    }
  }

  /** Whether `path` ends a node of this level. */
  endsNode(path: RelPath): boolean {
    return this.#ends.isEnd(path, this.#level);
  }

  /** Ends the node being built, if there is one. */
  async cut(): Promise<void> {
    const last = this.#items.at(-1);
    if (last === undefined) return;
    const node = nodeOf(this.#level, this.#items);
    const id = await this.#reader.put(node);
    this.made.push(childItem({ key: last.key, id, totals: node.totals }));
    this.#items = [];
    this.#bytes = nodeOverheadBytes;
  }
}

function leadingZeroBits(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 8 * bytes.length : 8 * first + Math.clz32(bytes[first] as number) - 24;
}
