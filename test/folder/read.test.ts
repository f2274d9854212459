/** Only regular files inside the share are read, and a change meanwhile is noticed; shown on real files. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { at, expectedAt, makeFifo, scratchDirectory, scratchShare } from './scratch.js';

const noRegularFile = { code: 'IO', data: { code: 'ENOENT' } };

test('a file is read from front to back in pieces of any size, and stays unchanged', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), '0123456789');
  const file = await folder.read(at('f'));
  const into = new Uint8Array(4);
  let text = '';
  for (let bytes = await file.readInto(into); bytes > 0; bytes = await file.readInto(into)) {
    text += new TextDecoder().decode(into.subarray(0, bytes));
  }
  expect([text, await file.unchanged()]).toEqual(['0123456789', true]);
  expect(await expectedAt(folder, 'f')).toEqual({ kind: 'file', stat: file.stat });
  await file.close();
  await file.close();
  await expect(file.readInto(into)).rejects.toThrow(TypeError);
});

test.each([
  ['appended to', (file: string) => appendFileSync(file, 'x')],
  [
    'rewritten with the same size and mtime',
    (file: string) => {
      writeFileSync(file, 'xxxxx');
      utimesSync(file, 5, 5);
    },
  ],
  [
    'replaced by rename',
    (file: string) => {
      writeFileSync(`${file}.new`, 'hello');
      renameSync(`${file}.new`, file);
    },
  ],
  ['made executable', (file: string) => chmodSync(file, 0o755)],
  ['removed', (file: string) => rmSync(file)],
  [
    'exchanged for a symlink to itself',
    (file: string) => {
      renameSync(file, `${file}.bak`);
      symlinkSync(`${file}.bak`, file);
    },
  ],
  [
    'moved with its directory',
    (file: string) => {
      renameSync(join(file, '..'), join(file, '../../moved'));
      symlinkSync('moved', join(file, '..'));
    },
  ],
])('%s while it is read: no longer unchanged (hazard 22)', async (_what, change) => {
  const folder = await scratchShare();
  const path = join(folder.root, 'd/f');
  mkdirSync(join(folder.root, 'd'));
  writeFileSync(path, 'hello');
  utimesSync(path, 5, 5);
  const file = await folder.read(at('d/f'));
  change(path);
  expect(await file.unchanged()).toBe(false);
  await file.close();
});

test('symlinks, directories, FIFOs and what is not there are not read (hazards 14, 19)', async () => {
  const outside = scratchDirectory();
  writeFileSync(join(outside, 'secret'), 'secret');
  const folder = await scratchShare();
  symlinkSync(join(outside, 'secret'), join(folder.root, 'link'));
  symlinkSync(outside, join(folder.root, 'dir'));
  makeFifo(join(folder.root, 'pipe'));
  mkdirSync(join(folder.root, 'real'));
  const before = readdirSync('/proc/self/fd').length;
  for (const path of ['link', 'dir/secret', 'pipe', 'real', 'none', 'none/x']) {
    await expect(folder.read(at(path))).rejects.toMatchObject(noRegularFile);
  }
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

test('the target of a symlink is read as text', async () => {
  const folder = await scratchShare();
  symlinkSync('../ü', join(folder.root, 'link'));
  symlinkSync(Buffer.from([0xff]), join(folder.root, 'odd'));
  writeFileSync(join(folder.root, 'file'), '');
  expect(await folder.readTarget(at('link'))).toBe('../ü');
  for (const path of ['odd', 'file', 'none']) {
    await expect(folder.readTarget(at(path))).rejects.toMatchObject(noRegularFile);
  }
});

test('the free space is a number of bytes', async () => {
  const folder = await scratchShare();
  expect((await folder.space()).free).toBeGreaterThan(0);
});
