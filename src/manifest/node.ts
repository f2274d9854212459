/**
 * Node: one piece of the tree, stored and sent as a chunk. A leaf (level 1) holds entries, an inner node holds
 * children; both in strictly increasing order of path. Each item is kept as its own encoded bytes, so a node is
 * rebuilt without encoding the items that did not change, and its size is the sum of theirs.
 *
 *     node   [format, level, [item, ...]]     each item a byte string: an encoded entry or child
 *     child  [last path, node id, files, directories, bytes, deleted]
 *
 * A single node says nothing about its neighbours: tree-reader.ts checks it against what its parent says of it.
 */
import { strict as assert } from 'node:assert';
import { borrowFields, decodeFields, encodeCanonical, type FieldReader, malformed } from '../cbor/index.js';
import { type ChunkId, chunkIdBytes, chunkIdFromBytes } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { Entry } from './entry.js';
import { decodeEntry, type EntryHead, encodeEntry, entryBytesMax, headOfEntry } from './entry-codec.js';
import { compareRelPath, parseRelPath, pathBytesMax, type RelPath } from './rel-path.js';

/** What lies under a node. Symlinks count as files of 0 bytes. */
export interface Totals {
  readonly files: number;
  readonly directories: number;
  /** Of the files' content. */
  readonly bytes: number;
  readonly deleted: number;
}

/**
 * An entry in a leaf: kept as its bytes, and decoded when it is asked for, since most of what is written is not read again
 * soon. So the leaves that are kept at hand are few objects.
 */
export class LeafItem {
  readonly key: RelPath;
  readonly bytes: Uint8Array;
  readonly kind: Entry['kind'];
  /** Bytes of content; 0 unless it is a file. */
  readonly size: number;
  #entry: Entry | undefined;

  private constructor(entry: Entry, bytes: Uint8Array) {
    this.key = entry.path;
    this.bytes = bytes;
    this.kind = entry.kind;
    this.size = entry.kind === 'file' ? entry.size : 0;
  }

  /** @throws ShoalError LIMIT if the entry cannot be encoded */
  static of(entry: Entry): LeafItem {
    return new LeafItem(entry, encodeEntry(entry));
  }

  /** @param bytes - from anybody @throws ShoalError MALFORMED */
  static in(bytes: Uint8Array): LeafItem {
    const entry = decodeEntry(bytes);
    const item = new LeafItem(entry, bytes);
    item.#entry = entry;
    return item;
  }

  get entry(): Entry {
    this.#entry ??= decodeEntry(this.bytes);
    return this.#entry;
  }
}

export interface ChildItem {
  /** The last path under the child. */
  readonly key: RelPath;
  readonly bytes: Uint8Array;
  readonly id: ChunkId;
  readonly totals: Totals;
}

export type Item = LeafItem | ChildItem;

export interface Node {
  /** 1 for a leaf, else one more than the level of its children. */
  readonly level: number;
  /** Leaf items at level 1, child items above. Empty only in the leaf that is the empty tree. */
  readonly items: readonly Item[];
  /** The sums over the items. */
  readonly totals: Totals;
}

export const nodeBytesMax = 64 * 1024;
/** Far above what any tree needs: the shape loses a factor of 64 a level, 15 at the worst. */
export const levelMax = 64;
/** What an item adds to a node beside its own bytes, and a node beside its items: the most CBOR can take. */
export const itemOverheadBytes = 3;
export const nodeOverheadBytes = 8;
const nodeFormat = 1;
/** An encoded child is at most a path, an id and four numbers long. */
const childBytesMax = pathBytesMax + 3 + (chunkIdBytes + 2) + 4 * 9 + 1;
const nodeItemsMax = nodeBytesMax / 8;
const what = 'manifest node';

export function childItem(child: Omit<ChildItem, 'bytes'>): ChildItem {
  const { key, id, totals } = child;
  const bytes = encodeCanonical((to) => {
    to.array(6);
    to.text(key);
    to.hexBytes(id);
    to.integer(totals.files);
    to.integer(totals.directories);
    to.integer(totals.bytes);
    to.integer(totals.deleted);
  });
  return { key, id, totals, bytes };
}

/** @throws ShoalError MALFORMED if a sum is not a safe integer */
export function nodeOf(level: number, items: readonly Item[]): Node {
  return { level, items, totals: sumOfTotals(items) };
}

export function encodeNode({ level, items }: Node): Uint8Array {
  const bytes = encodeCanonical((to) => {
    to.array(3);
    to.integer(nodeFormat);
    to.integer(level);
    to.array(items.length);
    for (const item of items) to.bytes(item.bytes);
  });
  assert(bytes.length <= nodeBytesMax, 'A node must fit in nodeBytesMax.');
  return bytes;
}

/**
 * @param bytes - from anybody
 * @throws ShoalError MALFORMED unless it is the encoding of a node, with all its items valid and in order
 */
export function decodeNode(bytes: Uint8Array): Node {
  const fields = decodeFields(bytes, what, nodeBytesMax);
  fields.integer('the format', nodeFormat, nodeFormat);
  const level = fields.integer('the level', 1, levelMax);
  const list = fields.list('the item list', 1, { min: level === 1 ? 0 : 1, max: nodeItemsMax });
  fields.end();
  const items: Item[] = [];
  while (list.remaining > 0) {
    const item = level === 1 ? LeafItem.in(list.bytes('an entry', 1, entryBytesMax)) : decodeChildItem(list);
    const last = items.at(-1);
    if (last !== undefined && compareRelPath(last.key, item.key) >= 0)
      throw malformed(what, 'its paths are out of order');
    items.push(item);
  }
  return nodeOf(level, items);
}

/** An item of a leaf of which only the head is decoded. */
export interface LeafHead extends EntryHead {
  readonly bytes: Uint8Array;
}

/**
 * The items of a node of our own tree, which were checked when they were put into it.
 * @returns views of `bytes`; undefined if it is not a leaf
 */
export function leafHeads(bytes: Uint8Array): LeafHead[] | undefined {
  const fields = borrowFields(bytes, what, nodeBytesMax);
  fields.integer('the format', nodeFormat, nodeFormat);
  if (fields.integer('the level', 1, levelMax) !== 1) return undefined;
  const list = fields.list('the item list', 1, { min: 0, max: nodeItemsMax });
  const heads: LeafHead[] = [];
  while (list.remaining > 0) {
    const item = list.bytes('an entry', 1, entryBytesMax);
    const { kind, path } = headOfEntry(item);
    heads.push({ kind, path, bytes: item });
  }
  return heads;
}

/**
 * What a node refers to: for pulling a tree breadth first.
 * @param bytes - from anybody
 * @throws ShoalError MALFORMED
 */
export function nodeReferences(bytes: Uint8Array): {
  readonly children: ChunkId[];
  readonly childrenAreLeaves: boolean;
  readonly entries: Entry[];
} {
  const { level, items } = decodeNode(bytes);
  const children = items.flatMap((item) => ('id' in item ? [item.id] : []));
  const entries = items.flatMap((item) => ('entry' in item ? [item.entry] : []));
  return { children, childrenAreLeaves: level === 2, entries };
}

function sumOfTotals(items: readonly Item[]): Totals {
  let [files, directories, bytes, deleted] = [0, 0, 0, 0];
  for (const item of items) {
    if ('id' in item) {
      files += item.totals.files;
      directories += item.totals.directories;
      bytes += item.totals.bytes;
      deleted += item.totals.deleted;
    } else if (item.kind === 'directory') {
      directories++;
    } else if (item.kind === 'deleted') {
      deleted++;
    } else {
      files++;
      bytes += item.size;
    }
  }
  const sums = { files, directories, bytes, deleted };
  if (!Object.values(sums).every(Number.isSafeInteger))
    throw malformed(what, 'its totals are beyond all bounds');
  return sums;
}

function decodeChildItem(list: FieldReader): ChildItem {
  const bytes = list.bytes('a child', 1, childBytesMax);
  const fields = decodeFields(bytes, what, childBytesMax);
  const key = readKey(fields.text('the last path of a child', pathBytesMax));
  const id = chunkIdFromBytes(fields.bytes('the id of a child', chunkIdBytes, chunkIdBytes));
  const count = (): number => fields.integer('a total', 0, Number.MAX_SAFE_INTEGER);
  const totals = { files: count(), directories: count(), bytes: count(), deleted: count() };
  fields.end();
  return { key, bytes, id, totals };
}

function readKey(text: string): RelPath {
  try {
    return parseRelPath(text);
  } catch (cause) {
    if (!isShoalError(cause, 'PATH_REJECTED')) throw cause;
    throw malformed(what, 'a path in it cannot be in a share', cause);
  }
}
