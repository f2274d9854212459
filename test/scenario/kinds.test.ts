/**
 * Shows what comes to stand on another peer for each kind of thing a folder can hold, and what stays away: two real
 * processes, one after the other of the things, compared on disk.
 */
import { execFileSync } from 'node:child_process';
import { chmod, lutimes, mkdir, readFile, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Group, proveEqual, untilEqual } from '../support/group.js';
import type { Peer } from '../support/peer.js';
import type { Thing } from '../support/tree-listing.js';

let group: Group;
let first: Peer;
let second: Peer;

beforeAll(async () => {
  group = await Group.open(['rw']);
  first = group.first;
  second = group.peer(1);
});
afterAll(() => group.close());

/** What stands at `path` on the second peer once both agree. */
async function arrived(path: string): Promise<Thing | undefined> {
  await untilEqual([first, second]);
  return (await second.list({ content: true })).get(path);
}

test('empty directories come and go', async () => {
  await mkdir(first.path('empty', 'in', 'empty'), { recursive: true });
  expect(await arrived('empty/in/empty')).toMatchObject({ kind: 'directory' });
  await rmdir(first.path('empty', 'in', 'empty'));
  expect(await arrived('empty/in/empty')).toBeUndefined();
  expect(await arrived('empty/in')).toMatchObject({ kind: 'directory' });
});

test('an empty file is a file', async () => {
  await writeFile(first.path('nothing'), '');
  expect(await arrived('nothing')).toMatchObject({ kind: 'file', size: 0 });
});

test('symlinks keep their text, wherever it points, and their time', async () => {
  await symlink('nothing', first.path('inside'));
  await symlink('/nowhere/../at all', first.path('outside'));
  await symlink('loop', first.path('loop'));
  await lutimes(first.path('outside'), 1_000_000_000.25, 1_000_000_000.25);
  expect(await arrived('outside')).toMatchObject({ kind: 'symlink', content: '/nowhere/../at all' });
  expect(await arrived('inside')).toMatchObject({ kind: 'symlink', content: 'nothing' });
  expect(await arrived('loop')).toMatchObject({ kind: 'symlink', content: 'loop' });
});

test('the executable bit comes with the file, and alone', async () => {
  await writeFile(first.path('run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  expect(await arrived('run.sh')).toMatchObject({ executable: true });
  await chmod(first.path('run.sh'), 0o644);
  expect(await arrived('run.sh')).toMatchObject({ executable: false });
});

test('times come with the file, and alone, before 1970 and in the far future too', async () => {
  await writeFile(first.path('timed'), 'when?');
  for (const seconds of [1_234_567_890.123456, -86_400, 4_102_444_800]) {
    // Not `utimes`: Node takes a time before 1970 for now.
    execFileSync('touch', ['-d', `@${seconds}`, first.path('timed')]);
    const thing = await arrived('timed');
    expect(Math.abs(Number(thing?.mtimeNs) / 1e9 - seconds)).toBeLessThan(1e-5);
  }
});

test.each([
  ['letters of several scripts', 'Grüße, мир, 世界, 🐟.txt'],
  ['a decomposed letter beside its composed twin', 'u\u0308ber'],
  ['the composed twin', 'über'],
  ['a newline and control characters', 'two\nlines\u001b[31m\u0007'],
  ['spaces, quotes and backslashes', ' "it\'s" a\\b '],
  ['255 bytes', 'x'.repeat(255)],
])('names are kept: %s', async (_what, name) => {
  await writeFile(first.path(name), `in ${name}`);
  expect(await arrived(name)).toMatchObject({ kind: 'file' });
  expect(await readFile(second.path(name), 'utf8')).toBe(`in ${name}`);
});

test('a rename keeps the content and moves next to nothing', async () => {
  await writeFile(first.path('before.bin'), Buffer.alloc(2_000_000, 'what is renamed '));
  const { content } = (await arrived('before.bin')) ?? {};
  await rename(first.path('before.bin'), first.path('after.bin'));
  expect(await arrived('after.bin')).toMatchObject({ content });
  expect((await second.list({ content: false })).has('before.bin')).toBe(false);
});

test('a file, a directory and a symlink take the place of each other', async () => {
  await writeFile(first.path('shape'), 'a file');
  expect(await arrived('shape')).toMatchObject({ kind: 'file' });
  await rm(first.path('shape'));
  await mkdir(first.path('shape'));
  await writeFile(first.path('shape', 'child'), 'in the directory');
  expect(await arrived('shape/child')).toMatchObject({ kind: 'file' });
  await rm(first.path('shape'), { recursive: true });
  await symlink('elsewhere', first.path('shape'));
  expect(await arrived('shape')).toMatchObject({ kind: 'symlink', content: 'elsewhere' });
});

test('what .shoalignore names stays where it is, and the file itself is synced', async () => {
  await writeFile(first.path('.shoalignore'), '*.tmp\nbuild/\n');
  expect(await arrived('.shoalignore')).toMatchObject({ kind: 'file' });
  await mkdir(first.path('build'));
  await writeFile(first.path('build', 'output'), 'made');
  await writeFile(first.path('scratch.tmp'), 'for now');
  await writeFile(first.path('kept.txt'), 'for good');
  await second.process.waitFor('applied', ({ paths }) => paths.includes('kept.txt'));
  const there = await second.list({ content: false });
  expect([there.has('build'), there.has('build/output'), there.has('scratch.tmp')]).toEqual([
    false,
    false,
    false,
  ]);
  await rm(first.path('build'), { recursive: true });
  await rm(first.path('scratch.tmp'));
  await untilEqual([first, second]);
});

test('a FIFO is left alone and reported', async () => {
  execFileSync('mkfifo', [first.path('pipe')]);
  await first.process.waitFor('blocked', ({ path }) => path === 'pipe');
  await writeFile(first.path('beside-the-pipe'), 'not held up');
  expect(await arrived('beside-the-pipe')).toMatchObject({ kind: 'file' });
  expect((await first.printedStatus()).blocked.map(({ path }) => path)).toEqual(['pipe']);
  await rm(first.path('pipe'));
});

test('in the end both trees are identical and whole', async () => {
  await untilEqual([first, second]);
  await proveEqual([first, second]);
});
