/**
 * Every change of the folder is hinted at, what lies in .shoal or is ignored is not, and in doubt the hint is
 * 'everything'; shown with the real watcher. Each test waits for the hint it needs; none waits for a time.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Folder, Hint, Watching } from '../../src/folder/index.js';
import { FolderWatch } from '../../src/folder/watch.js';
import { noRules, scratchShare } from './scratch.js';

const open: Watching[] = [];
afterEach(async () => {
  for (const watching of open.splice(0)) await watching.close();
});

/** A watched folder, and a way to wait until all of some hints have come. */
async function watched(prepare: (root: string) => void = () => undefined) {
  const folder: Folder = await scratchShare();
  prepare(folder.root);
  let seen = new Set<Hint>();
  let wake: () => void = () => undefined;
  const errors: unknown[] = [];
  const onHint = (hint: Hint) => {
    seen.add(hint);
    wake();
  };
  open.push(await folder.watch(onHint, (error) => errors.push(error)));
  const hinted = async (...expected: string[]) => {
    while (!expected.every((hint) => seen.has(hint as Hint))) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const all = [...seen].sort();
    seen = new Set();
    return all;
  };
  const write = (path: string, text = 'x') => writeFileSync(join(folder.root, path), text);
  return { root: folder.root, hinted, write, errors };
}

test('creation, change, rename and deletion of a file', async () => {
  const { root, hinted, write } = await watched((path) => mkdirSync(join(path, 'd')));
  write('d/f');
  await hinted('d/f');
  write('d/f', 'more');
  await hinted('d/f');
  renameSync(join(root, 'd/f'), join(root, 'd/g'));
  await hinted('d/f', 'd/g');
  rmSync(join(root, 'd/g'));
  await hinted('d/g');
});

test('a file replaced the way editors do, and names that look like backups', async () => {
  const { root, hinted, write } = await watched((path) => writeFileSync(join(path, 'notes'), 'old'));
  write('notes.new', 'new');
  renameSync(join(root, 'notes.new'), join(root, 'notes'));
  await hinted('notes', 'notes.new');
  write('notes~');
  write('.notes.swp');
  await hinted('notes~', '.notes.swp');
});

test('new directories, what is in them, and their removal', async () => {
  const { root, hinted, write } = await watched();
  mkdirSync(join(root, 'a/b/c'), { recursive: true });
  await hinted('a', 'a/b', 'a/b/c');
  // Until the second hint has come the watch may not stand yet; then it must.
  await hinted('a/b/c');
  write('a/b/c/f');
  await hinted('a/b/c/f');
  renameSync(join(root, 'a'), join(root, 'z'));
  await hinted('a', 'z');
  rmSync(join(root, 'z'), { recursive: true });
  await hinted('z');
});

test('a symlink is hinted at; what it points to is not watched', async () => {
  const { root, hinted, write } = await watched();
  symlinkSync('/tmp', join(root, 'link'));
  await hinted('link');
  write('end');
  expect(await hinted('end')).toEqual(['end']);
});

test('.shoal and ignored directories and files are silent', async () => {
  const { hinted, write } = await watched((root) => {
    mkdirSync(join(root, 'build/deep'), { recursive: true });
    writeFileSync(join(root, '.shoalignore'), 'build/\n*.log\n');
  });
  for (const path of ['.shoal/x', '.shoal/tmp/x', 'build/x', 'build/deep/x', 'a.log', 'end']) write(path);
  expect(await hinted('end')).toEqual(['end']);
});

test('a changed .shoalignore: everything, and from then on the new rules prune the watch', async () => {
  const { root, hinted, write } = await watched((path) => {
    mkdirSync(join(path, 'build'));
    writeFileSync(join(path, '.shoalignore'), 'build/\n');
  });
  write('.shoalignore', '*.log\n');
  await hinted('everything');
  // The watch begins anew and says so once it stands.
  await hinted('everything');
  write('build/x');
  await hinted('build/x');
  rmSync(join(root, '.shoalignore'));
  await hinted('everything');
});

test('a flood of changes is everything, since the system may have dropped some (hazard 36)', async () => {
  const { root, hinted } = await watched((path) => mkdirSync(join(path, 'd')));
  for (let index = 0; index < 5000; index++) writeFileSync(join(root, 'd', `f${index}`), '');
  await hinted('everything');
});

test('a name that is not UTF-8 is hinted at by its directory', async () => {
  const { root, hinted } = await watched((path) => mkdirSync(join(path, 'd')));
  writeFileSync(Buffer.concat([Buffer.from(`${root}/d/`), Buffer.from([0xff])]), '');
  await hinted('d');
});

test('the root taken away is everything', async () => {
  const { root, hinted } = await watched();
  renameSync(root, `${root}-moved`);
  await hinted('everything');
  rmSync(`${root}-moved`, { recursive: true });
});

test('a folder whose path cannot be watched says so once, and everything', async () => {
  const errors: unknown[] = [];
  const hint = new Promise<Hint>((resolve, reject) => {
    const onError = (error: unknown) => errors.push(error);
    const loadIgnore = async () => noRules;
    FolderWatch.start({ root: '/tmp/a\\b', loadIgnore, onHint: resolve, onError }).then(
      (watching) => open.push(watching),
      reject,
    );
  });
  expect(await hint).toBe('everything');
  expect(errors).toMatchObject([{ code: 'IO' }]);
});

test('after close nothing is hinted any more', async () => {
  const folder = await scratchShare();
  const first: Hint[] = [];
  const refuse = (error: unknown) => expect.unreachable(String(error));
  await (await folder.watch((hint) => first.push(hint), refuse)).close();
  const second = new Promise<Hint>((resolve) => {
    void folder.watch(resolve, refuse).then((watching) => {
      open.push(watching);
      writeFileSync(join(folder.root, 'f'), '');
    }, refuse);
  });
  expect([await second, first]).toEqual(['f', []]);
});
