/**
 * Merging, over random histories of a few devices: merging is commutative, associative and idempotent on the trees
 * that devices reach; devices that have seen the same converge; a write is live, with its content, exactly as long
 * as nobody who saw it wrote over it or deleted it. Then the cases a person asks for, one by one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import {
  conflictPath,
  deleteEntry,
  type Entry,
  type LiveEntry,
  mergeTrees,
  type NewContent,
  structureFaults,
  supersede,
  Tree,
} from '../../src/manifest/index.js';
import { runs } from '../support/seed.js';
import { actor, content, fileEntry, memoryTree, path, treeKey } from './memory-nodes.js';
import { files, SimulatedDevices, shown, stepsOf, type World } from './simulated-devices.js';

const three: World = { devices: 3, names: ['x.txt', 'y'], contents: files };
const four: World = { ...three, devices: 4 };
const crowded: World = { devices: 3, names: ['x'], contents: [...files, { kind: 'directory' }] };
const broken: World = { ...three, breaks: true };
const nested: World = {
  devices: 3,
  names: ['d', 'd/e', 'd/e/f', 'd/x.txt'],
  contents: [content('one'), content('two'), { kind: 'directory' }, { kind: 'directory' }],
  mends: true,
};

async function expectLaws(
  devices: SimulatedDevices,
  [a, b, c]: readonly [ChunkId, ChunkId, ChunkId],
): Promise<void> {
  const merge = (left: ChunkId, right: ChunkId): Promise<ChunkId> => mergeTrees(devices.tree, left, right);
  const expectSame = async (left: ChunkId, right: ChunkId): Promise<void> => {
    const dump = async (root: ChunkId): Promise<string[]> => (await devices.entriesOf(root)).map(shown);
    if (left !== right) expect(await dump(left)).toEqual(await dump(right));
    expect(left).toBe(right);
  };
  const ab = await merge(a, b);
  await expectSame(await merge(b, a), ab);
  await expectSame(await merge(a, await merge(b, c)), await merge(ab, c));
  await expectSame(await merge(ab, a), ab);
  await expectSame(await merge(b, ab), ab);
}

describe('merging the trees that devices reach', () => {
  it.each([
    ['two names', three, 24, 120],
    ['one name, directories too', crowded, 40, 80],
  ] as const)(
    'is commutative, associative, idempotent, and absorbs what it has: %s',
    async (_, world, maxLength, numRuns) => {
      const steps = fc.array(stepsOf(world), { minLength: 4, maxLength });
      await fc.assert(
        fc.asyncProperty(steps, fc.tuple(fc.nat(), fc.nat(), fc.nat()), async (taken, picks) => {
          const devices = await SimulatedDevices.run(world, taken);
          const pick = (index: number): ChunkId =>
            devices.history[index % devices.history.length] ?? devices.rootOf(0);
          await expectLaws(devices, [devices.rootOf(0), devices.rootOf(1), devices.rootOf(2)]);
          await expectLaws(devices, [pick(picks[0]), pick(picks[1]), pick(picks[2])]);
        }),
        runs(numRuns),
      );
    },
  );

  it('makes devices converge, and loses and revives no write', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepsOf(four), { minLength: 4, maxLength: 40 }), async (steps) => {
        const devices = await SimulatedDevices.run(four, steps);
        const entries = await devices.entriesOf(await devices.converge());
        for (const account of devices.accounts) {
          expect(devices.standing(entries, account), `${account.dot} at ${account.path}`).toBe(
            account.isSuperseded ? 0 : 1,
          );
        }
      }),
      runs(120),
    );
  });

  it('loses no write where merges were stopped half-way', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepsOf(broken), { minLength: 4, maxLength: 30 }), async (steps) => {
        const devices = await SimulatedDevices.run(broken, steps);
        const entries = await devices.entriesOf(await devices.converge());
        for (const account of devices.accounts) {
          if (!account.isSuperseded)
            expect(devices.standing(entries, account), `${account.dot} at ${account.path}`).toBeGreaterThan(
              0,
            );
        }
      }),
      runs(120),
    );
  });

  it('with directories mended by all devices at once: converges, stands on directories, loses no file', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepsOf(nested), { minLength: 6, maxLength: 40 }), async (steps) => {
        const devices = await SimulatedDevices.run(nested, steps);
        const root = await devices.converge();
        const entries = await devices.entriesOf(root);
        expect(
          await structureFaults(
            devices.tree,
            root,
            entries.map((entry) => entry.path),
          ),
        ).toEqual([]);
        for (const account of devices.accounts) {
          if (account.isSuperseded || account.content.kind === 'directory') continue;
          expect(devices.standing(entries, account), `${account.dot} at ${account.path}`).toBeGreaterThan(0);
        }
      }),
      runs(120),
    );
  });
});

describe('what a person sees', () => {
  const one = content('one');
  const two = content('two');
  const at = path('notes.txt');

  /** The entry after a write by device `n`, its `counter`-th, over what it saw. */
  function wrote(n: number, seen: Entry | undefined, made: NewContent, mtime: number, where = at): LiveEntry {
    const counter = (seen?.version.get(actor(n)) ?? 0) + 1;
    return supersede(seen, where, made, { actor: actor(n), counter, mtimeNs: BigInt(mtime) });
  }

  /** What the merge of trees with these entries holds, by path. */
  async function merged(...sides: readonly (readonly Entry[])[]): Promise<Map<string, Entry>> {
    const { tree } = memoryTree();
    let root = await tree.emptyRoot();
    for (const side of sides)
      root = await mergeTrees(tree, root, await tree.apply(await tree.emptyRoot(), side));
    const result = new Map<string, Entry>();
    for await (const entry of tree.entries(root)) result.set(entry.path, entry);
    return result;
  }

  it('keeps the newer of two edits in place, and the other beside it', async () => {
    const base = wrote(1, undefined, content('base'), 1);
    const mine = wrote(1, base, one, 5);
    const yours = wrote(2, base, two, 9);
    const result = await merged([mine], [yours]);
    const copy = conflictPath(at, mine);
    expect(copy).toMatch(/^notes\.conflict-[0-9a-f]{8}\.txt$/);
    expect([...result.keys()]).toEqual([copy, at]);
    expect(result.get(at)).toMatchObject({ ...two, writes: yours.writes });
    expect(result.get(copy)).toMatchObject({
      ...one,
      conflictOf: at,
      writes: [{ ...mine.writes[0], displaced: true }],
    });
  });

  it('makes no copy where both wrote the same, and shows the later time', async () => {
    const result = await merged([wrote(1, undefined, one, 5)], [wrote(2, undefined, one, 9)]);
    expect([...result.keys()]).toEqual([at]);
    expect(result.get(at)).toMatchObject({ ...one, writes: [{ mtimeNs: 5n }, { mtimeNs: 9n }] });
  });

  it('lets an edit survive a deletion that did not know it', async () => {
    const base = wrote(1, undefined, content('base'), 1);
    const gone = deleteEntry(base, { actor: actor(1), counter: 2 });
    expect((await merged([gone], [wrote(2, base, two, 2)])).get(at)).toMatchObject(two);
    expect((await merged([gone], [base])).get(at)?.kind).toBe('deleted');
  });

  it('keeps a directory in place of a file of the same name, whatever the times say', async () => {
    const file = wrote(1, undefined, one, 99);
    const result = await merged([file], [wrote(2, undefined, { kind: 'directory' }, 0)]);
    expect(result.get(at)?.kind).toBe('directory');
    expect(result.get(conflictPath(at, file))).toMatchObject(one);
  });

  it('keeps what was settled: a copy that one device deleted or edited does not come back', async () => {
    const mine = wrote(1, undefined, one, 5);
    const yours = wrote(2, undefined, two, 9);
    const both = await merged([mine], [yours]);
    const copy = both.get(conflictPath(at, one));
    expect(copy?.kind).toBe('file');
    if (copy === undefined) return;
    const deleted = deleteEntry(copy, { actor: actor(2), counter: 2 });
    const won = both.get(at) as Entry;
    expect((await merged([won, deleted], [mine], [won, copy])).get(copy.path)?.kind).toBe('deleted');
    const edited = wrote(2, copy, content('both'), 12, copy.path);
    expect((await merged([won, edited], [mine], [won, copy])).get(copy.path)).toMatchObject({
      ...content('both'),
      conflictOf: at,
    });
  });

  it('leaves an edit in its place though an older conflict copy has a later time', async () => {
    const mine = wrote(1, undefined, one, 50);
    const yours = wrote(2, undefined, two, 90);
    const both = await merged([mine], [yours]);
    const edited = wrote(2, both.get(at), content('edit'), 10);
    const copy = both.get(conflictPath(at, one)) as Entry;
    const result = await merged([edited, copy], [mine]);
    expect(result.get(at)).toMatchObject(content('edit'));
    expect(result.get(conflictPath(at, one))).toMatchObject(one);
  });

  it('brings a copy home when all that stood before it is deleted, though both sides have that copy', async () => {
    const third = wrote(3, undefined, content('third'), 1);
    const mine = wrote(1, undefined, one, 5);
    const yours = wrote(2, undefined, two, 5);
    const withoutMine = deleteEntry(mine, { actor: actor(4), counter: 1 });
    const withoutYours = deleteEntry(yours, { actor: actor(5), counter: 1 });
    const left = await merged([mine], [third], [withoutYours]);
    const right = await merged([yours], [third], [withoutMine]);
    const copyPath = conflictPath(at, third);
    expect(left.get(copyPath)).toEqual(right.get(copyPath));
    const both = await merged([...left.values()], [...right.values()]);
    expect(both.get(at)).toMatchObject(content('third'));
    expect([...both.keys()]).toEqual([at]);
  });

  it('adds to a conflict copy that both sides have', async () => {
    const both = await merged([wrote(1, undefined, one, 5)], [wrote(2, undefined, two, 9)]);
    const settled = [...both.values()].map((entry) =>
      entry.path === at ? wrote(2, entry, content('settled'), 10) : entry,
    );
    const again = supersede(undefined, at, one, { actor: actor(3), counter: 1, mtimeNs: 6n });
    const result = await merged(settled, [again, ...[...both.values()].filter((entry) => entry.path !== at)]);
    const writes = [actor(1), actor(3)].map((id) => ({ actor: id, counter: 1, displaced: true }));
    expect(result.get(conflictPath(at, one))).toMatchObject({ ...one, writes });
  });

  it('gives a path back to what was pushed aside there, once the copies that did it are settled', async () => {
    const copyPath = conflictPath(at, one);
    const chance = wrote(6, undefined, content('by chance'), 7, copyPath);
    const [first, second] = [wrote(1, undefined, one, 1), wrote(2, undefined, one, 1)];
    const winner = wrote(3, undefined, two, 9);
    const left = await merged([first], [wrote(2, second, content('over'), 1)], [winner], [chance]);
    const right = await merged([second], [wrote(1, first, content('over'), 1)], [winner], [chance]);
    for (const side of [left, right]) expect(side.get(copyPath)).toMatchObject(one);
    const both = await merged([...left.values()], [...right.values()]);
    expect(both.get(copyPath)).toMatchObject(content('by chance'));
    expect([...both.keys()].sort()).toEqual([at, copyPath, conflictPath(at, content('over'))].sort());
  });

  it('lets a directory give way that stands at a conflict path by chance', async () => {
    const chance = wrote(3, undefined, { kind: 'directory' }, 7, conflictPath(at, one));
    const result = await merged([wrote(1, undefined, one, 5), chance], [wrote(2, undefined, two, 9)]);
    expect(result.get(chance.path)).toMatchObject({ ...one, version: chance.version });
    expect(result.size).toBe(2);
  });

  it('does not overwrite what stands at a conflict path by chance', async () => {
    const mine = wrote(1, undefined, one, 5);
    const copyPath = conflictPath(at, one);
    const chance = wrote(3, undefined, content('by chance'), 7, copyPath);
    const result = await merged([mine, chance], [wrote(2, undefined, two, 9)]);
    expect(result.get(copyPath)).toMatchObject(one);
    expect(result.get(conflictPath(copyPath, chance))).toMatchObject({
      ...content('by chance'),
      conflictOf: copyPath,
    });
    expect(result.size).toBe(3);
  });

  it('reads little of two large trees that differ little', async () => {
    const { tree, nodes } = memoryTree();
    const entries = Array.from({ length: 3000 }, (_, i) => fileEntry(`directory-${i % 37}/file-${i}`, 'x'));
    const root = await tree.apply(await tree.emptyRoot(), entries);
    const ours = await tree.apply(root, [fileEntry('directory-5/new', 'mine', 2)]);
    const theirs = await tree.apply(root, [fileEntry('directory-9/new', 'yours', 2)]);
    nodes.reads = 0;
    const both = await mergeTrees(new Tree(nodes, treeKey), ours, theirs);
    expect(nodes.reads).toBeGreaterThan(2);
    expect(nodes.reads).toBeLessThan(40);
    expect((await tree.totals(both)).files).toBe(3002);
  });
});
