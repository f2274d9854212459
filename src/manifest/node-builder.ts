/**
 * Cuts a sequence of items into nodes of one level. Where it cuts depends on the items since the last cut alone:
 * after a key that ends a node of this level, and before an item that would make the node too large. So the shape
 * of a tree is a function of its entries, whatever the history.
 */
import { strict as assert } from 'node:assert';
import { type ChunkId, chunkIdOf, hashBytes } from '../chunking/index.js';
import { encodeText } from './canonical.js';
import {
  type ChildItem,
  childItem,
  encodeNode,
  type Item,
  itemOverheadBytes,
  nodeBytesMax,
  nodeOverheadBytes,
  totalsOfNode,
} from './node.js';
import type { RelPath } from './rel-path.js';

/** Derived from the share id, so that nobody can choose names that give a tree of one share a bad shape for all shares. */
export type TreeKey = Uint8Array;

/** A key ends a node of level n in one of 64^n cases. */
const bitsALevel = 6;

export class NodeBuilder {
  /** What was made, in order. */
  readonly made: ChildItem[] = [];
  readonly #level: number;
  readonly #key: TreeKey;
  readonly #put: (id: ChunkId, bytes: Uint8Array) => Promise<void>;
  #items: Item[] = [];
  #bytes = nodeOverheadBytes;

  constructor(level: number, key: TreeKey, put: (id: ChunkId, bytes: Uint8Array) => Promise<void>) {
    this.#level = level;
    this.#key = key;
    this.#put = put;
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
    const node = { level: this.#level, items: this.#items };
    const bytes = encodeNode(node);
    assert(bytes.length <= nodeBytesMax, 'A node must fit in nodeBytesMax.');
    const id = chunkIdOf(bytes);
    await this.#put(id, bytes);
    this.made.push(childItem({ key: last.key, id, totals: totalsOfNode(node) }));
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
