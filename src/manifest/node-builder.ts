/**
 * Cuts a sequence of items into nodes of one level. Where it cuts depends on the items since the last cut alone:
 * after a key that ends a node of this level, and before an item that would make the node too large. So the shape
 * of a tree is a function of its entries, whatever the history.
 */
import { hashBytes } from '../chunking/index.js';
import { encodeText } from './canonical.js';
import {
  type ChildItem,
  childItem,
  type Item,
  itemOverheadBytes,
  nodeBytesMax,
  nodeOf,
  nodeOverheadBytes,
} from './node.js';
import type { RelPath } from './rel-path.js';
import type { TreeReader } from './tree-reader.js';

/** Derived from the share id, so that nobody can choose names that give a tree of one share a bad shape for all shares. */
export type TreeKey = Uint8Array;

/** A key ends a node of level n in one of 64^n cases. */
const bitsALevel = 6;

export class NodeBuilder {
  /** What was made, in order. */
  readonly made: ChildItem[] = [];
  readonly #level: number;
  readonly #key: TreeKey;
  readonly #reader: TreeReader;
  #items: Item[] = [];
  #bytes = nodeOverheadBytes;

  constructor(level: number, key: TreeKey, reader: TreeReader) {
    this.#level = level;
    this.#key = key;
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

  async add(item: Item): Promise<void> {
    if (!this.hasRoomFor(item)) await this.cut();
    this.#items.push(item);
    this.#bytes += item.bytes.length + itemOverheadBytes;
    if (this.endsNode(item.key)) await this.cut();
  }

  /** Whether `path` ends a node of this level, whatever comes before and after. */
  endsNode(path: RelPath): boolean {
    const text = encodeText(path);
    const material = new Uint8Array(this.#key.length + text.length);
    material.set(this.#key);
    material.set(text, this.#key.length);
    return leadingZeroBits(hashBytes(material)) >= bitsALevel * this.#level;
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
  let bits = 0;
  for (const byte of bytes) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
