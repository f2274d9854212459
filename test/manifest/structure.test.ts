/** Structure: what is live under something that is no directory is found, from either end, and mended without loss. */
import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import {
  conflictPath,
  deleteEntry,
  type Entry,
  mendFault,
  mergeTrees,
  type NewContent,
  structureFaults,
  supersede,
  Tree,
} from '../../src/manifest/index.js';
import { actor, content, memoryTree, path, treeKey } from './memory-nodes.js';

const directory: NewContent = { kind: 'directory' };

function wrote(n: number, seen: Entry | undefined, at: string, made: NewContent, mtime = 1): Entry {
  const counter = (seen?.version.get(actor(n)) ?? 0) + 1;
  return supersede(seen, path(at), made, { actor: actor(n), counter, mtimeNs: BigInt(mtime) });
}

function removed(n: number, seen: Entry): Entry {
  return deleteEntry(seen, { actor: actor(n), counter: (seen.version.get(actor(n)) ?? 0) + 1 });
}

async function treeOf(...entries: readonly Entry[]): Promise<{ tree: Tree; root: ChunkId }> {
  const { tree } = memoryTree();
  return { tree, root: await tree.apply(await tree.emptyRoot(), entries) };
}

async function mend(tree: Tree, root: ChunkId, changed: readonly string[], n: number): Promise<ChunkId> {
  const faults = await structureFaults(tree, root, changed.map(path));
  const entries = faults.flatMap((fault, index) =>
    mendFault(fault, { actor: actor(n), counter: 100 + index, mtimeNs: 0n }),
  );
  return tree.apply(root, entries);
}

describe('faults', () => {
  it('are found from below and from above', async () => {
    const gone = removed(1, wrote(1, undefined, 'd', directory));
    const { tree, root } = await treeOf(gone, wrote(2, undefined, 'd/e/f', content('x')));
    const fromBelow = await structureFaults(tree, root, [path('d/e/f')]);
    expect(fromBelow.map((fault) => fault.path)).toEqual(['d', 'd/e']);
    const fromAbove = await structureFaults(tree, root, [path('d')]);
    expect(fromAbove.map((fault) => fault.path)).toEqual(['d']);
    expect(await structureFaults(tree, root, [path('other')])).toEqual([]);
  });

  it('are none where only deletions lie under a file or a deletion', async () => {
    const { tree, root } = await treeOf(
      wrote(1, undefined, 'd', content('x')),
      removed(1, wrote(1, undefined, 'd/e', content('y'))),
      wrote(1, undefined, 'd.txt', content('z')),
    );
    expect(await structureFaults(tree, root, ['d', 'd/e', 'd.txt'].map(path))).toEqual([]);
  });
});

describe('looking for faults', () => {
  it('does not read what holds deletions only', async () => {
    const { tree, nodes } = memoryTree();
    const gone = Array.from({ length: 4000 }, (_, i) =>
      removed(1, wrote(1, undefined, `d/${i}`, content('x'))),
    );
    const root = await tree.apply(await tree.emptyRoot(), [...gone, wrote(1, undefined, 'd', content('x'))]);
    nodes.reads = 0;
    expect(await structureFaults(new Tree(nodes, treeKey), root, [path('d')])).toEqual([]);
    expect(nodes.reads).toBeLessThan(10);
  });
});

describe('mending', () => {
  it('brings a deleted directory back', async () => {
    const { tree, root } = await treeOf(
      removed(1, wrote(1, undefined, 'd', directory)),
      wrote(2, undefined, 'd/f', content('x')),
    );
    const mended = await mend(tree, root, ['d/f'], 3);
    expect((await tree.get(mended, path('d')))?.kind).toBe('directory');
    expect(await structureFaults(tree, mended, ['d', 'd/f'].map(path))).toEqual([]);
  });

  it('moves a file out of the way, with its time, and keeps it', async () => {
    const { tree, root } = await treeOf(
      wrote(1, undefined, 'd', content('x'), 77),
      wrote(2, undefined, 'd/f', content('y')),
    );
    const mended = await mend(tree, root, ['d'], 3);
    const copy = await tree.get(mended, conflictPath(path('d'), content('x')));
    expect(copy).toMatchObject({ ...content('x'), conflictOf: 'd', writes: [{ mtimeNs: 77n }] });
    expect((await tree.get(mended, path('d')))?.kind).toBe('directory');
  });

  it('does not overwrite what stands where the file would go', async () => {
    const refuge = conflictPath(path('d'), content('x'));
    const { tree, root } = await treeOf(
      wrote(1, undefined, 'd', content('x')),
      wrote(2, undefined, 'd/f', content('y')),
      wrote(2, undefined, refuge, content('mine')),
    );
    const mended = await mend(tree, root, ['d'], 3);
    expect(await tree.get(mended, refuge)).toMatchObject(content('mine'));
    expect(await tree.get(mended, conflictPath(refuge, content('x')))).toMatchObject(content('x'));
  });

  it('by two devices at once is no conflict', async () => {
    const { tree, root } = await treeOf(
      wrote(1, undefined, 'd', content('x')),
      wrote(2, undefined, 'd/f', content('y')),
    );
    const [a, b] = [await mend(tree, root, ['d'], 3), await mend(tree, root, ['d'], 4)];
    expect(a).not.toBe(b);
    const both = await mergeTrees(tree, a, b);
    expect(both).toBe(await mergeTrees(tree, b, a));
    expect(await tree.totals(both)).toMatchObject({ files: 2, directories: 1 });
  });
});
