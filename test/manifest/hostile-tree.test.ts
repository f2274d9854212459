/**
 * Trees that a peer made up: every node is valid by itself and has the right id, but they do not fit together.
 * Reading such a tree, in whatever way, ends with MALFORMED; a node that is not there ends it with CHUNK_MISSING.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { type ChunkId, chunkIdOf } from '../../src/chunking/index.js';
import { mergeTrees, type Tree } from '../../src/manifest/index.js';
import {
  type ChildItem,
  childItem,
  encodeNode,
  type Item,
  LeafItem,
  nodeOf,
} from '../../src/manifest/node.js';
import { fileEntry, idOf, type MemoryNodes, memoryTree, path } from './memory-nodes.js';

let nodes: MemoryNodes;
let tree: Tree;

beforeEach(() => {
  ({ nodes, tree } = memoryTree());
});

/** Puts a node and gives what a parent would honestly say of it, changed as told. */
async function child(
  level: number,
  items: readonly Item[],
  lies: Partial<Omit<ChildItem, 'bytes'>> = {},
): Promise<ChildItem> {
  const bytes = encodeNode(nodeOf(level, items));
  const id = chunkIdOf(bytes);
  await nodes.put(id, bytes);
  return childItem({
    key: items.at(-1)?.key ?? path('none'),
    id,
    totals: nodeOf(level, items).totals,
    ...lies,
  });
}

async function rootOf(level: number, items: readonly Item[]): Promise<ChunkId> {
  return (await child(level, items)).id;
}

const leaf = (...names: readonly string[]): Item[] => names.map((name) => LeafItem.of(fileEntry(name, 'x')));

async function readAll(root: ChunkId): Promise<number> {
  let count = 0;
  for await (const _ of tree.entries(root)) count++;
  return count;
}

async function diffAll(root: ChunkId): Promise<number> {
  let count = 0;
  for await (const _ of tree.diff(await tree.emptyRoot(), root)) count++;
  return count;
}

/** Every way to read the second leaf of `root`. */
async function expectRejected(root: ChunkId): Promise<void> {
  const isMalformed = { code: 'MALFORMED' };
  await expect(readAll(root)).rejects.toMatchObject(isMalformed);
  await expect(diffAll(root)).rejects.toMatchObject(isMalformed);
  await expect(tree.get(root, path('c'))).rejects.toMatchObject(isMalformed);
  await expect(mergeTrees(tree, await tree.emptyRoot(), root)).rejects.toMatchObject(isMalformed);
}

describe('a tree whose nodes do not fit together', () => {
  it('begins from one that does', async () => {
    const root = await rootOf(2, [await child(1, leaf('a', 'b')), await child(1, leaf('c', 'd'))]);
    expect(await readAll(root)).toBe(4);
    expect(await diffAll(root)).toBe(4);
  });

  it('is rejected where a node does not end where its parent says', async () => {
    await expectRejected(
      await rootOf(2, [await child(1, leaf('a', 'b')), await child(1, leaf('c', 'd'), { key: path('e') })]),
    );
  });

  it('is rejected where a node begins before its neighbour ends', async () => {
    await expectRejected(await rootOf(2, [await child(1, leaf('a', 'b')), await child(1, leaf('a', 'd'))]));
  });

  it('is rejected where nodes further up overlap', async () => {
    const left = await child(2, [await child(1, leaf('a', 'b'))]);
    const right = await child(2, [await child(1, leaf('b', 'd'))]);
    await expectRejected(await rootOf(3, [left, right]));
  });

  it('is rejected where a node has other totals than its parent says', async () => {
    const totals = { files: 1_000_000, directories: 0, bytes: 2, deleted: 0 };
    await expectRejected(
      await rootOf(2, [await child(1, leaf('a', 'b')), await child(1, leaf('c', 'd'), { totals })]),
    );
  });

  it('is rejected where a level is left out', async () => {
    await expectRejected(
      await rootOf(3, [await child(2, [await child(1, leaf('a', 'b'))]), await child(1, leaf('c', 'd'))]),
    );
  });

  it('is rejected where a child is the empty tree', async () => {
    await expectRejected(
      await rootOf(2, [await child(1, leaf('a', 'b')), await child(1, [], { key: path('d') })]),
    );
  });

  it('is rejected where a node is no node', async () => {
    const id = idOf('noise');
    await nodes.put(id, new TextEncoder().encode('noise'));
    await expectRejected(
      await rootOf(2, [await child(1, leaf('a', 'b')), await child(1, leaf('c', 'd'), { id })]),
    );
  });
});

describe('a tree with a node missing', () => {
  it('says which, and the rest can be read', async () => {
    const missing = await child(1, leaf('c', 'd'));
    const root = await rootOf(2, [await child(1, leaf('a', 'b')), missing]);
    nodes.nodes.delete(missing.id);
    const isMissing = { code: 'CHUNK_MISSING', data: { id: missing.id } };
    await expect(readAll(root)).rejects.toMatchObject(isMissing);
    await expect(tree.apply(root, [fileEntry('c', 'y')])).rejects.toMatchObject(isMissing);
    await expect(tree.get(idOf('nothing'), path('a'))).rejects.toMatchObject({ code: 'CHUNK_MISSING' });
    expect(await tree.get(root, path('b'))).toEqual(fileEntry('b', 'x'));
  });
});
