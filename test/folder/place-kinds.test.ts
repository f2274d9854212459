/**
 * Directories, symlinks, deletions and one kind in the place of another: nothing the share does not know of is
 * destroyed, and no symlink leads outside; shown on real directories.
 */

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  chunks,
  deletedEntry,
  directoryEntry,
  expectedAt,
  fileEntry,
  makeFifo,
  scratchDirectory,
  scratchShare,
  symlinkEntry,
} from './scratch.js';

const absent = { kind: 'absent' } as const;
const byDescriptorAndByName = [true, false];

test('a directory is made, with its parents; one that is there already is fine', async () => {
  const folder = await scratchShare();
  const request = { entry: directoryEntry('a/b'), expected: absent };
  expect(await folder.place(request)).toEqual({ outcome: 'placed' });
  expect(await folder.place(request)).toEqual({ outcome: 'placed' });
  expect(lstatSync(join(folder.root, 'a/b')).mode & 0o7777).toBe(0o777 & ~process.umask());
});

test('a symlink keeps its text, whatever it points to, and gets its mtime (hazard 16)', async () => {
  const folder = await scratchShare();
  for (const target of ['../../etc/passwd', '/', 'no such file', 'ü']) {
    const expected = await expectedAt(folder, 'link');
    const result = await folder.place({ entry: symlinkEntry('link', target), expected });
    expect(result).toEqual({
      outcome: 'placed',
      stat: ((await expectedAt(folder, 'link')) as { stat: unknown }).stat,
    });
    expect(readlinkSync(join(folder.root, 'link'))).toBe(target);
    expect(lstatSync(join(folder.root, 'link')).mtimeMs).toBe(1_700_000_000_500);
  }
  expect(readdirSync(join(folder.root, '.shoal/tmp'))).toEqual([]);
});

test('a symlink never takes the place of something unexpected', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), 'mine');
  expect(await folder.place({ entry: symlinkEntry('f', 'x'), expected: absent })).toEqual({
    outcome: 'differs',
  });
  expect(readFileSync(join(folder.root, 'f'), 'utf8')).toBe('mine');
});

test('a deletion removes what was expected, and is content with what is gone already', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), '');
  symlinkSync('f', join(folder.root, 'l'));
  mkdirSync(join(folder.root, 'd'));
  for (const path of ['f', 'l', 'd']) {
    const request = { entry: deletedEntry(path), expected: await expectedAt(folder, path) };
    expect(await folder.place(request)).toEqual({ outcome: 'placed' });
    expect(await folder.place(request)).toEqual({ outcome: 'placed' });
  }
  expect(await folder.place({ entry: deletedEntry('no/such'), expected: absent })).toEqual({
    outcome: 'placed',
  });
  expect(readdirSync(folder.root)).toEqual(['.shoal']);
});

test('a deletion leaves an edited file, and an edited kind, alone (hazard 32)', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), 'old');
  const expected = await expectedAt(folder, 'f');
  writeFileSync(join(folder.root, 'f'), 'edited');
  expect(await folder.place({ entry: deletedEntry('f'), expected })).toEqual({ outcome: 'differs' });
  expect(await folder.place({ entry: deletedEntry('f'), expected: { kind: 'directory' } })).toEqual({
    outcome: 'differs',
  });
  expect(readFileSync(join(folder.root, 'f'), 'utf8')).toBe('edited');
});

test('a directory with children the share does not know is never removed (hazard 21)', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'd'));
  writeFileSync(join(folder.root, 'd/ignored'), 'precious');
  const blocked = { outcome: 'blocked', reason: 'holds files that are not synced' };
  const expected = { kind: 'directory' } as const;
  expect(await folder.place({ entry: deletedEntry('d'), expected })).toEqual(blocked);
  expect(await folder.place({ entry: symlinkEntry('d', 'x'), expected })).toEqual(blocked);
  expect(await folder.place({ entry: fileEntry('d', 1), expected, content: chunks('x') })).toEqual(blocked);
  expect(readFileSync(join(folder.root, 'd/ignored'), 'utf8')).toBe('precious');
  expect(readdirSync(join(folder.root, '.shoal/tmp'))).toEqual([]);
});

test('file, directory and symlink take each other’s place', async () => {
  const folder = await scratchShare();
  const entries = {
    file: { entry: fileEntry('p', 1), content: chunks('x') },
    directory: { entry: directoryEntry('p') },
    symlink: { entry: symlinkEntry('p', 'target') },
  };
  for (const kind of ['file', 'directory', 'symlink', 'file', 'symlink', 'directory', 'file'] as const) {
    const result = await folder.place({ ...entries[kind], expected: await expectedAt(folder, 'p') });
    expect(result.outcome).toBe('placed');
    expect(await expectedAt(folder, 'p')).toMatchObject({ kind });
  }
});

test('a FIFO is neither opened nor replaced nor removed (hazard 19)', async () => {
  const folder = await scratchShare();
  makeFifo(join(folder.root, 'p'));
  const blocked = { outcome: 'blocked', reason: 'a FIFO stands there' };
  expect(await folder.place({ entry: fileEntry('p', 1), expected: absent, content: chunks('x') })).toEqual(
    blocked,
  );
  expect(await folder.place({ entry: deletedEntry('p'), expected: absent })).toEqual(blocked);
});

test.each(byDescriptorAndByName)(
  'a symlink on the way is not followed, by descriptor: %s (hazard 14)',
  async (descriptors) => {
    const outside = scratchDirectory();
    writeFileSync(join(outside, 'x'), 'precious');
    const folder = await scratchShare({ descriptors });
    symlinkSync(outside, join(folder.root, 'd'));
    const blocked = { outcome: 'blocked', reason: 'd is a symlink' };
    expect(
      await folder.place({ entry: fileEntry('d/new', 1), expected: absent, content: chunks('x') }),
    ).toEqual(blocked);
    expect(await folder.place({ entry: directoryEntry('d/e/f'), expected: absent })).toEqual(blocked);
    expect(await folder.place({ entry: symlinkEntry('d/l', 'x'), expected: absent })).toEqual(blocked);
    expect(await folder.place({ entry: deletedEntry('d/x'), expected: absent })).toEqual({
      outcome: 'placed',
    });
    expect(readdirSync(outside)).toEqual(['x']);
  },
);

test.each(byDescriptorAndByName)(
  'a file on the way is not replaced, by descriptor: %s',
  async (descriptors) => {
    const folder = await scratchShare({ descriptors });
    writeFileSync(join(folder.root, 'd'), 'mine');
    const result = await folder.place({ entry: directoryEntry('d/e'), expected: absent });
    expect(result).toEqual({ outcome: 'blocked', reason: 'd is no directory' });
  },
);

test.each(byDescriptorAndByName)(
  'a directory exchanged for a symlink while the content arrives: nothing goes outside, by descriptor: %s (hazard 15)',
  async (descriptors) => {
    const outside = scratchDirectory();
    const folder = await scratchShare({ descriptors });
    mkdirSync(join(folder.root, 'd'));
    const exchange = () => {
      renameSync(join(folder.root, 'd'), join(folder.root, 'moved'));
      symlinkSync(outside, join(folder.root, 'd'));
    };
    const content = chunks('1', exchange, '2');
    const result = await folder.place({ entry: fileEntry('d/f', 2), expected: absent, content });
    expect(result).toEqual({ outcome: 'blocked', reason: 'd is a symlink' });
    expect([readdirSync(outside), readdirSync(join(folder.root, 'moved'))]).toEqual([[], []]);
    expect(readdirSync(join(folder.root, '.shoal/tmp'))).toEqual([]);
  },
);

test('a root that was exchanged is not written to (hazard 26)', async () => {
  const folder = await scratchShare();
  renameSync(folder.root, `${folder.root}-moved`);
  mkdirSync(join(folder.root, '.shoal/tmp'), { recursive: true });
  const placing = folder.place({ entry: directoryEntry('d'), expected: absent });
  await expect(placing).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
  expect(existsSync(join(folder.root, 'd'))).toBe(false);
  renameSync(`${folder.root}-moved`, join(folder.root, 'cleanup'));
});
