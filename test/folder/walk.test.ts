/**
 * The walk finds everything in the order of the manifest, says of what it cannot sync or cannot read that it is so
 * (never leaving it out as if it were deleted), and goes nowhere outside; shown on real directories.
 */
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { classify } from '../../src/folder/examine.js';
import { IgnoreRules, ignoreFileBytesMax } from '../../src/folder/ignore-rules.js';
import { Folder, type Found, type FoundBatch } from '../../src/folder/index.js';
import { listDirectory } from '../../src/folder/listing.js';
import { walkRoot } from '../../src/folder/walk.js';
import { streamFromThread, streamHere } from '../../src/folder/walk-stream.js';
import { compareRelPath } from '../../src/manifest/index.js';
import { withPlainStat } from '../support/plain-stat.js';
import {
  asOrdinaryUser,
  at,
  collect,
  makeFifo,
  noRules,
  scratchDirectory,
  scratchShare,
  summary,
} from './scratch.js';

function walkAll(folder: Folder, ignore = noRules): Promise<Found[]> {
  return collect(each(folder.walk({ ignore })));
}

async function* each(batches: AsyncIterable<FoundBatch>): AsyncGenerator<Found> {
  for await (const batch of batches)
    for (let index = 0; index < batch.length; index++) yield withPlainStat(batch.at(index));
}

test('a directory comes before what is in it, and that before its next sibling', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'a/x'), { recursive: true });
  for (const name of ['a-b', 'a/x/y', 'a/Z', 'b', 'a.c']) writeFileSync(join(folder.root, name), name);
  expect(summary(await walkAll(folder))).toEqual([
    'directory a',
    'file a/Z',
    'directory a/x',
    'file a/x/y',
    'file a-b',
    'file a.c',
    'file b',
  ]);
});

test('any tree of names is found whole and in the order of compareRelPath', async () => {
  const name = fc.string({
    unit: fc.constantFrom('a', 'B', '-', '.', 'ü', '\ufffd', '\uffee', '🐟', '\n', '\\'),
    minLength: 1,
    maxLength: 3,
  });
  const path = fc
    .array(name, { minLength: 1, maxLength: 4 })
    .filter((parts) => !parts.some((part) => /^\.+$/.test(part)));
  await fc.assert(
    fc.asyncProperty(fc.array(path, { maxLength: 12 }), async (paths) => {
      const folder = await scratchShare();
      const expected = new Set<string>();
      for (const parts of paths) {
        mkdirSync(join(folder.root, ...parts), { recursive: true });
        for (const depth of parts.keys()) expected.add(parts.slice(0, depth + 1).join('/'));
      }
      const found = await walkAll(folder);
      const order = [...expected].map((one) => at(one)).sort(compareRelPath);
      expect(found.map((one) => (one.kind === 'directory' ? one.path : one))).toEqual(order);
    }),
    { seed: 7, numRuns: 40 },
  );
});

test('more names than are looked at together are all found', async () => {
  const folder = await scratchShare();
  const names = Array.from({ length: 300 }, (_, index) => `f${String(index).padStart(3, '0')}`);
  for (const name of names) writeFileSync(join(folder.root, name), '');
  expect(summary(await walkAll(folder))).toEqual(names.map((name) => `file ${name}`));
});

test('a file comes with its size, times, inode and executable bit', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'run'), '12345', { mode: 0o755 });
  const stats = lstatSync(join(folder.root, 'run'), { bigint: true });
  expect(await walkAll(folder)).toEqual([
    {
      kind: 'file',
      path: 'run',
      stat: { size: 5, mtimeNs: stats.mtimeNs, ctimeNs: stats.ctimeNs, inode: stats.ino, executable: true },
    },
  ]);
});

test('a symlink is told with its target and not followed, cycles included (hazards 16, 17)', async () => {
  const folder = await scratchShare();
  symlinkSync('..', join(folder.root, 'up'));
  symlinkSync('/etc/passwd', join(folder.root, 'out'));
  symlinkSync('self', join(folder.root, 'self'));
  const found = await walkAll(folder);
  expect(found.map((one) => (one.kind === 'symlink' ? [one.path, one.target] : one))).toEqual([
    ['out', '/etc/passwd'],
    ['self', 'self'],
    ['up', '..'],
  ]);
});

test('a symlink whose target is not UTF-8 is blocked', async () => {
  const folder = await scratchShare();
  symlinkSync(Buffer.from([0x61, 0xff]), join(folder.root, 'odd'));
  expect(await walkAll(folder)).toEqual([
    { kind: 'blocked', path: 'odd', name: 'odd', reason: 'a symlink whose target is not valid UTF-8' },
  ]);
});

test('newline, backslash and a real U+FFFD are ordinary characters (hazards 2, 3)', async () => {
  const folder = await scratchShare();
  for (const name of ['a\nb', 'c\\d', 'e\ufffd']) writeFileSync(join(folder.root, name), '');
  expect(summary(await walkAll(folder))).toEqual(['file a\nb', 'file c\\d', 'file e\ufffd']);
});

test('a name that is not UTF-8 is blocked, its neighbours are found (hazard 11)', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'd'));
  writeFileSync(Buffer.concat([Buffer.from(`${folder.root}/d/b`), Buffer.from([0xff])]), '');
  for (const name of ['d/a', 'd/c']) writeFileSync(join(folder.root, name), '');
  const found = await walkAll(folder);
  expect(summary(found)).toEqual(['directory d', 'file d/a', 'blocked d/b\\xff', 'file d/c']);
  expect(found[2]).not.toHaveProperty('path');
});

test('a path too deep is blocked once, at its first directory (hazard 12)', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'd/'.repeat(300)), { recursive: true });
  const found = await walkAll(folder);
  expect(found.filter(({ kind }) => kind === 'directory')).toHaveLength(256);
  expect(found.filter(({ kind }) => kind === 'blocked')).toHaveLength(1);
});

test('.shoal is left out in the root, and blocked elsewhere and in other spellings (hazards 6, 13)', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'sub/.shoal/tmp'), { recursive: true });
  for (const name of ['.SHOAL', '.shoal-x', 'sub/.shoal-1.tmp']) writeFileSync(join(folder.root, name), '');
  expect(summary(await walkAll(folder))).toEqual([
    'blocked .SHOAL',
    'blocked .shoal-x',
    'directory sub',
    'blocked sub/.shoal',
    'blocked sub/.shoal-1.tmp',
  ]);
});

test('FIFOs and sockets are blocked and never opened (hazard 19)', async () => {
  const folder = await scratchShare();
  makeFifo(join(folder.root, 'pipe'));
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(join(folder.root, 'sock'), resolve);
  });
  try {
    expect(await walkAll(folder)).toEqual([
      { kind: 'blocked', path: 'pipe', name: 'pipe', reason: 'a FIFO cannot be synced' },
      { kind: 'blocked', path: 'sock', name: 'sock', reason: 'a socket cannot be synced' },
    ]);
  } finally {
    server.close();
  }
});

test('a directory that cannot be listed is unreadable, not empty (hazard 28)', async () => {
  const folder = await scratchShare();
  const closed = join(folder.root, 'closed');
  mkdirSync(join(closed, 'in'), { recursive: true });
  writeFileSync(join(folder.root, 'open'), '');
  chmodSync(closed, 0o000);
  const found = await asOrdinaryUser([closed], () => walkAll(folder));
  expect(found).toEqual([
    { kind: 'unreadable', path: 'closed', reason: 'permission denied' },
    expect.objectContaining({ kind: 'file', path: 'open' }),
  ]);
});

test('names that can be listed and not looked at are unreadable, not absent (hazard 28)', async () => {
  const folder = await scratchShare();
  const listOnly = join(folder.root, 'd');
  mkdirSync(listOnly);
  writeFileSync(join(listOnly, 'f'), '');
  chmodSync(listOnly, 0o400);
  const found = await asOrdinaryUser([listOnly], () => walkAll(folder));
  expect(found).toContainEqual({ kind: 'unreadable', path: 'd/f', reason: 'permission denied' });
});

test('another file system mounted in the folder is unreadable, so unmounting it deletes nothing', async () => {
  const folder = await scratchShare();
  const stats = lstatSync(folder.root, { bigint: true });
  const { found } = classify({ device: stats.dev + 1n }, at('disk'), stats, undefined);
  expect(found).toEqual({ kind: 'unreadable', path: 'disk', reason: 'another file system is mounted there' });
});

test('a directory exchanged for a symlink during the walk leads nowhere outside', async () => {
  const outside = scratchDirectory();
  writeFileSync(join(outside, 'secret'), '');
  const folder = await scratchShare();
  const path = join(folder.root, 'b');
  for (const name of ['a', 'b']) mkdirSync(join(folder.root, name));
  writeFileSync(join(path, 'inside'), '');
  const before = lstatSync(path, { bigint: true });
  const seen: Found[] = [];
  for (const found of walkRoot({ root: folder.root, device: before.dev, ignore: noRules })) {
    if (seen.push(found) > 1) continue;
    renameSync(path, join(folder.root, 'c'));
    symlinkSync(outside, path);
  }
  expect(summary(seen)).toEqual(['directory a', 'symlink b']);
  // Between the look at it and the reading of its names.
  expect(listDirectory(path, before)).toEqual({
    outcome: 'unreadable',
    reason: 'it was exchanged during the scan',
  });
});

test('rules leave out files and whole directories, take back with "!", and never hide .shoalignore', async () => {
  const folder = await scratchShare();
  for (const name of ['build/deep', 'src/build', 'keep'])
    mkdirSync(join(folder.root, name), { recursive: true });
  for (const name of ['build/deep/x', 'a.log', 'b.log', 'A.LOG', 'keep/build'])
    writeFileSync(join(folder.root, name), '');
  writeFileSync(join(folder.root, '.shoalignore'), '# comment\nbuild/\n*.log\n!b.log\n.shoalignore\n');
  const found = await walkAll(folder, await folder.loadIgnore());
  expect(summary(found)).toEqual([
    'file .shoalignore',
    'file A.LOG',
    'file b.log',
    'directory keep',
    'file keep/build',
    'directory src',
  ]);
});

test('rules give the same answers after more questions than are remembered', () => {
  const rules = new IgnoreRules('x*\n!x7\n');
  for (let index = 0; index < 45_000; index++) rules.ignores(at(`d/${index}`), 'other');
  expect([rules.ignores(at('d/x1'), 'other'), rules.ignores(at('x7'), 'other')]).toEqual([true, false]);
});

test('an .shoalignore that cannot be used stops the scan instead of syncing what it keeps out', async () => {
  const folder = await scratchShare();
  const file = join(folder.root, '.shoalignore');
  writeFileSync(file, 'x'.repeat(ignoreFileBytesMax + 1));
  await expect(folder.loadIgnore()).rejects.toMatchObject({ code: 'LIMIT' });
  rmSync(file);
  expect((await folder.loadIgnore()).ignores(at('x'), 'other')).toBe(false);
  symlinkSync('/etc/passwd', file);
  await expect(folder.loadIgnore()).rejects.toMatchObject({ code: 'IO' });
});

test('under: a path of any kind and what is below it', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'd/e'), { recursive: true });
  for (const name of ['d/e/f', 'd-']) writeFileSync(join(folder.root, name), '');
  symlinkSync('d', join(folder.root, 'link'));
  const under = async (path: string) =>
    summary(await collect(each(folder.walk({ ignore: noRules, under: at(path) }))));
  expect(await under('d')).toEqual(['directory d', 'directory d/e', 'file d/e/f']);
  expect(await under('d/e/f')).toEqual(['file d/e/f']);
  expect(await under('gone/x')).toEqual([]);
  expect(await under('link/e')).toEqual([]);
  expect(await under('link')).toEqual(['symlink link']);
});

test('look: one path, without what is below it', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), '1');
  expect(await folder.look(at('f'), noRules)).toMatchObject({ kind: 'file', stat: { size: 1 } });
  expect(await folder.look(at('f/x'), noRules)).toBeUndefined();
  expect(await folder.look(at('f'), new IgnoreRules('f'))).toBeUndefined();
  expect(await folder.look(at('none'), noRules)).toBeUndefined();
});

test('a folder that vanishes, is exchanged or loses .shoal during the walk is no scanned folder (hazard 26)', async () => {
  for (const harm of [
    (root: string) => rmSync(root, { recursive: true }),
    (root: string) => rmSync(join(root, '.shoal'), { recursive: true }),
    (root: string) => {
      renameSync(root, `${root}-moved`);
      mkdirSync(join(root, '.shoal/tmp'), { recursive: true });
    },
  ]) {
    const folder = await scratchShare();
    for (const name of ['a', 'b', 'c']) mkdirSync(join(folder.root, name));
    const walk = folder.walk({ ignore: noRules });
    await walk.next();
    harm(folder.root);
    await expect(collect(each(walk))).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
    await expect(folder.assertPresent()).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
    await expect(walkAll(folder)).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
    rmSync(`${folder.root}-moved`, { recursive: true, force: true });
  }
});

test('a directory without .shoal, with a symlink for it, or none at all is no share', async () => {
  const root = scratchDirectory();
  await expect(Folder.open(root)).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
  symlinkSync('/tmp', join(root, '.shoal'));
  await expect(Folder.open(root)).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
  await expect(Folder.open(join(root, 'none'))).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
});

test('a walk stops when it is cancelled', async () => {
  const folder = await scratchShare();
  for (let index = 0; index < 3000; index++) writeFileSync(join(folder.root, `${index}`), '');
  const abort = new AbortController();
  const walk = folder.walk({ ignore: noRules, signal: abort.signal });
  await walk.next();
  abort.abort();
  await expect(walk.next()).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('parts of a walk find together what one of everything finds, wherever it is divided', async () => {
  const folder = await scratchShare();
  for (const directory of ['a/b/c', 'a-b', 'ab', 'b/e', 'empty'])
    mkdirSync(join(folder.root, directory), { recursive: true });
  const names = [
    'a/1',
    'a/b/1',
    'a/b/c/1',
    'a/b/c/2',
    'a/b-c',
    'a/z',
    'a-b/1',
    'a.c',
    'ab/1',
    'b/e/1',
    'ü',
    'z',
  ];
  for (const name of names) writeFileSync(join(folder.root, name), name);
  writeFileSync(Buffer.concat([Buffer.from(join(folder.root, 'a/b')), Buffer.from([0x2f, 0x62, 0xff])]), '');
  makeFifo(join(folder.root, 'b/fifo'));
  const around = { root: folder.root, device: lstatSync(folder.root, { bigint: true }).dev, ignore: noRules };
  const all = [...walkRoot(around)];
  const gone = ['0', 'a/0', 'a/b/c/1/x', 'a/bb', 'a-', 'c/d/e', 'zz'];
  for (const place of [...all.flatMap(({ path }) => path ?? []), ...gone.map(at)]) {
    const first = [...walkRoot(around, { upTo: place })];
    const second = [...walkRoot(around, { after: place })];
    expect([...first, ...second], place).toEqual(all);
    for (const { path } of first)
      if (path !== undefined) expect(compareRelPath(path, place)).toBeLessThanOrEqual(0);
    for (const { path } of second)
      if (path !== undefined) expect(compareRelPath(path, place)).toBeGreaterThan(0);
    for (const { path: end } of second) {
      if (end === undefined) continue;
      const between = [...walkRoot(around, { after: place, upTo: end })];
      expect([...first, ...between, ...walkRoot(around, { after: end })], `${place} to ${end}`).toEqual(all);
    }
  }
});

test('a directory that cannot be read any more is said so by the part that begins in it', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'a'));
  for (const name of ['a/1', 'a/2', 'b']) writeFileSync(join(folder.root, name), name);
  const around = { root: folder.root, device: lstatSync(folder.root, { bigint: true }).dev, ignore: noRules };
  const closed = join(folder.root, 'a');
  chmodSync(closed, 0o000);
  const found = await asOrdinaryUser([closed], async () => [...walkRoot(around, { after: at('a/1') })]);
  expect(summary(found)).toEqual(['unreadable a', 'file b']);
});

test('a walk that a thread has a part in finds the same, in the same order, and stops as well', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'd'));
  for (let index = 0; index < 3500; index++) writeFileSync(join(folder.root, `d/${index}`), `${index}`);
  for (const name of ['ignored', 'café']) writeFileSync(join(folder.root, name), name);
  symlinkSync('d', join(folder.root, 'link'));
  makeFifo(join(folder.root, 'fifo'));
  const ignore = new IgnoreRules('ignored\n');
  const around = { root: folder.root, device: lstatSync(folder.root, { bigint: true }).dev, ignore };
  const here = [...walkRoot(around)];
  expect(here).toHaveLength(3504);
  expect(await walkAll(folder, ignore)).toEqual(here); // a thread takes over from this one
  for (const middle of ['a', 'd/2', 'z'].map(at))
    expect(await collect(each(folder.walk({ ignore, middle })))).toEqual(here);
  const walk = folder.walk({ ignore, middle: at('d/2') });
  await walk.next();
  await walk.return(undefined);
});

test('a walk in this thread lets others have their turn before a batch is full', async () => {
  function* slowly(): Generator<Found> {
    for (let index = 0; index < 100; index++) {
      for (const until = performance.now() + 1; performance.now() < until; );
      yield { kind: 'directory', path: at(`d${index}`) };
    }
  }
  let turns = 0;
  let next = setImmediate(function turn() {
    turns++;
    next = setImmediate(turn);
  });
  const first = await streamHere(slowly()).next();
  clearImmediate(next);
  expect(first.value?.length).toBe(100);
  expect(turns).toBeGreaterThan(1);
});

test('what the thread fails with is what the walk fails with', async () => {
  const folder = await scratchShare();
  const around = { root: join(folder.root, 'none'), device: 0n, ignoreText: '' };
  await expect(collect(each(streamFromThread(around)))).rejects.toMatchObject({ code: 'IO' });
});
