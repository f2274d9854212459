/**
 * The tree against a sorted map: whatever batches made it, in whatever order, its root is that of the tree built in
 * one go; reading, walking and comparing give what the map gives; and a change reads and writes few nodes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import { compareRelPath, type Entry, type RelPath, sameEntry, Tree } from '../../src/manifest/index.js';
import { decodeNode, nodeBytesMax } from '../../src/manifest/node.js';
import { NodeEnds } from '../../src/manifest/node-builder.js';
import { runs } from '../support/seed.js';
import { fileEntry, memoryTree, path, treeKey } from './memory-nodes.js';

type Model = Map<RelPath, Entry>;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function sorted(model: Model): Entry[] {
  return [...model.values()].sort((a, b) => compareRelPath(a.path, b.path));
}

async function build(tree: Tree, entries: readonly Entry[]): Promise<ChunkId> {
  return tree.apply(await tree.emptyRoot(), entries);
}

/** A name long enough that a few dozen entries fill a node: cuts forced by size, not by hash. */
const longName = 'n'.repeat(250);

/** Few enough names that batches meet, some of them long. */
const somePath = fc
  .record({ number: fc.nat(400), depth: fc.nat(2), isLong: fc.boolean() })
  .map(({ number, depth, isLong }) =>
    path(`${`d${number % 7}/`.repeat(depth)}${isLong ? `${`${longName}/`.repeat(9)}` : ''}f${number}`),
  );
const someBatch = fc.array(
  fc.record({ at: somePath, counter: fc.integer({ min: 1, max: 5 }), isRemoval: fc.boolean() }),
  { maxLength: 120 },
);

async function applyBatches(
  tree: Tree,
  batches: readonly (readonly { at: RelPath; counter: number; isRemoval: boolean }[])[],
) {
  const model: Model = new Map();
  let root = await tree.emptyRoot();
  for (const batch of batches) {
    const kept = batch
      .filter(({ isRemoval }) => !isRemoval)
      .map(({ at, counter }) => fileEntry(at, `${at}${counter}`, counter));
    const removed = batch.filter(({ isRemoval }) => isRemoval).map(({ at }) => at);
    for (const entry of kept) model.set(entry.path, entry);
    root = await tree.apply(root, kept);
    for (const at of removed) model.delete(at);
    root = await tree.apply(root, [], removed);
  }
  return { root, model };
}

describe('the shape of a tree', () => {
  it('depends on its entries alone, not on the batches that made it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someBatch, { minLength: 1, maxLength: 5 }), async (batches) => {
        const { tree } = memoryTree();
        const { root, model } = await applyBatches(tree, batches);
        expect(root).toBe(await build(tree, sorted(model)));
        expect(await collect(tree.entries(root))).toEqual(sorted(model));
      }),
      runs(60),
    );
  });

  it('stays the same when entries are added one by one, and goes back to nothing when they are removed', async () => {
    const { tree } = memoryTree();
    const entries = Array.from({ length: 300 }, (_, i) =>
      fileEntry(`${i % 2 ? `${longName}/` : ''}file-${(i * 7919) % 300}`, 'x'),
    );
    let root = await tree.emptyRoot();
    for (const entry of entries) root = await tree.apply(root, [entry]);
    expect(root).toBe(await build(tree, entries));
    for (const entry of entries) root = await tree.apply(root, [], [entry.path]);
    expect(root).toBe(await tree.emptyRoot());
  });

  it('depends on its entries also where a node that was cut for its size gets another end', async () => {
    const { tree, nodes } = memoryTree();
    const deep = `${longName}/`.repeat(15);
    const ends = new NodeEnds(treeKey);
    const endsNode = (name: string): boolean => ends.isEnd(path(`${deep}${name}`), 1);
    const names = Array.from({ length: 100 }, (_, i) => `${1000 + i}`).filter((name) => !endsNode(name));
    const entries = names.map((name) => fileEntry(`${deep}${name}`, 'x'));
    const root = await build(tree, entries);
    const leaves = [...nodes.nodes.values()].map(decodeNode).filter(({ level }) => level === 1);
    const firstLeaf = leaves.find(({ items }) => items[0]?.key === entries[0]?.path);
    const cut = (firstLeaf?.items.length ?? 0) - 1;
    expect(cut).toBeGreaterThan(5);
    // The node's last entry goes, one that ends a node comes before it, and the next node's first one changes.
    const end = Array.from({ length: 10_000 }, (_, i) => `${names[cut - 1]}-${i}`).find(endsNode);
    const [gone, next] = [entries[cut]?.path ?? path('x'), entries[cut + 1]?.path ?? path('x')];
    const changes = [fileEntry(`${deep}${end}`, 'x'), fileEntry(next, 'changed')];
    const changed = await tree.change(
      root,
      new Map<RelPath, Entry | undefined>([
        ...changes.map((entry) => [entry.path, entry] as const),
        [gone, undefined],
      ]),
    );
    const expected = [...entries.filter(({ path: at }) => at !== gone && at !== next), ...changes];
    expect(changed).toBe(await build(tree, expected));
  });

  it('keeps every node within its bound, also where no key ends one', async () => {
    const { tree, nodes } = memoryTree();
    const deep = `${`${longName}/`.repeat(15)}`;
    const root = await build(
      tree,
      Array.from({ length: 300 }, (_, i) => fileEntry(`${deep}${i}`, 'x')),
    );
    const sizes = [...nodes.nodes.values()].map((bytes) => bytes.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(nodeBytesMax);
    expect(Math.max(...sizes)).toBeGreaterThan(nodeBytesMax - 5000);
    expect((await collect(tree.entries(root))).length).toBe(300);
  });

  it('has a root with two children at least, or a leaf', async () => {
    const { tree, nodes } = memoryTree();
    const entries = Array.from({ length: 3000 }, (_, i) => fileEntry(`file-${i}`, 'x'));
    for (let count = 900; count > 0; count = Math.floor(count / 3)) {
      const root = await tree.apply(
        await build(tree, entries),
        [],
        entries.slice(count).map((entry) => entry.path),
      );
      const node = decodeNode(nodes.nodes.get(root) ?? new Uint8Array());
      expect(node.level === 1 || node.items.length > 1).toBe(true);
      expect(root).toBe(await build(tree, entries.slice(0, count)));
    }
  });
});

describe('reading a tree', () => {
  it('finds what is there and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(someBatch, { maxLength: 2 }), somePath, async (batches, at) => {
        const { tree } = memoryTree();
        const { root, model } = await applyBatches(tree, batches);
        expect(await tree.get(root, at)).toEqual(model.get(at));
        for (const entry of sorted(model).slice(0, 10))
          expect(await tree.get(root, entry.path)).toEqual(entry);
      }),
      runs(40),
    );
  });

  it('walks a range: from a path, and under a directory with the directory itself', async () => {
    const { tree } = memoryTree();
    const names = ['a', 'a/b', 'a/b/c', 'a/d', 'a-b', 'a.txt', 'b', 'b/x'];
    const root = await build(
      tree,
      names.map((name) => fileEntry(name, name)),
    );
    const under = async (name: string) =>
      (await collect(tree.entries(root, { under: path(name) }))).map((entry) => entry.path);
    expect(await under('a')).toEqual(['a', 'a/b', 'a/b/c', 'a/d']);
    expect(await under('a/b')).toEqual(['a/b', 'a/b/c']);
    expect(await under('c')).toEqual([]);
    const from = (await collect(tree.entries(root, { from: path('a-b') }))).map((entry) => entry.path);
    expect(from).toEqual(['a-b', 'a.txt', 'b', 'b/x']);
    const both = (await collect(tree.entries(root, { from: path('a/b/c'), under: path('a') }))).map(
      (entry) => entry.path,
    );
    expect(both).toEqual(['a/b/c', 'a/d']);
  });

  it('sums up what is there', async () => {
    const { tree } = memoryTree();
    const { root, model } = await applyBatches(tree, [
      Array.from({ length: 300 }, (_, i) => ({ at: path(`f${i}`), counter: 1, isRemoval: false })),
    ]);
    const bytes = [...model.values()].reduce(
      (sum, entry) => sum + (entry.kind === 'file' ? entry.size : 0),
      0,
    );
    expect(await tree.totals(root)).toEqual({ files: 300, directories: 0, bytes, deleted: 0 });
    expect(await tree.totals(await tree.emptyRoot())).toEqual({
      files: 0,
      directories: 0,
      bytes: 0,
      deleted: 0,
    });
  });
});

describe('the difference of two trees', () => {
  it('is that of the maps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(someBatch, { maxLength: 3 }),
        fc.array(someBatch, { maxLength: 3 }),
        async (first, second) => {
          const { tree } = memoryTree();
          const left = await applyBatches(tree, first);
          const right = await applyBatches(tree, second);
          const expected = [...new Set([...left.model.keys(), ...right.model.keys()])]
            .filter((at) => !sameEntry(left.model.get(at), right.model.get(at)))
            .sort(compareRelPath)
            .map((at) => [at, left.model.get(at), right.model.get(at)]);
          const found = await collect(tree.diff(left.root, right.root));
          expect(found.map((difference) => [difference.path, difference.left, difference.right])).toEqual(
            expected,
          );
        },
      ),
      runs(60),
    );
  });

  it('reads few nodes of large trees that differ little, whatever their heights', async () => {
    const { tree, nodes } = memoryTree();
    const entries = Array.from({ length: 3000 }, (_, i) => fileEntry(`directory-${i % 37}/file-${i}`, 'x'));
    const large = await build(tree, entries);
    const changed = await tree.apply(large, [
      fileEntry('directory-5/new', 'y'),
      fileEntry('directory-30/new', 'y'),
    ]);
    nodes.reads = 0;
    expect((await collect(new Tree(nodes, treeKey).diff(large, changed))).length).toBe(2);
    expect(nodes.reads).toBeGreaterThan(2);
    expect(nodes.reads).toBeLessThan(30);
    const small = await build(tree, entries.slice(0, 20));
    expect((await collect(tree.diff(small, large))).length).toBe(2980);
    expect((await collect(tree.diff(large, small))).length).toBe(2980);
  });

  it('touches few nodes for a small change', async () => {
    const { tree, nodes } = memoryTree();
    const entries = Array.from({ length: 3000 }, (_, i) => fileEntry(`directory-${i % 37}/file-${i}`, 'x'));
    const root = await build(tree, entries);
    nodes.reads = 0;
    nodes.puts = 0;
    await new Tree(nodes, treeKey).apply(root, [fileEntry('directory-5/new', 'y')]);
    expect(nodes.reads).toBeGreaterThan(2);
    expect(nodes.reads).toBeLessThan(12);
    expect(nodes.puts).toBeLessThan(12);
  });
});
