/** Files that were found before are read with one look less, and never taken for what they were; shown on real files. */
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileStatOf } from '../../src/folder/file-stat.js';
import { FileReader, type FileStat, type Folder, type Piece } from '../../src/folder/index.js';
import { at, makeFifo, scratchShare } from './scratch.js';

const roomBytes = 64;

function statOf(folder: Folder, path: string): FileStat {
  return fileStatOf(lstatSync(join(folder.root, path), { bigint: true }));
}

function put(folder: Folder, path: string, text: string): Piece {
  writeFileSync(join(folder.root, path), text);
  return { path: at(path), from: 0, found: statOf(folder, path) };
}

/** What became of `pieces`, and the text that was read of all. */
function readAll(folder: Folder, pieces: readonly Piece[]) {
  const into = new Uint8Array(roomBytes);
  const results = new FileReader(folder.readerOptions).read(pieces, into);
  const used = results.reduce((sum, result) => sum + ('bytes' in result ? result.bytes : 0), 0);
  return { results, text: Buffer.from(into.subarray(0, used)).toString() };
}

test('files that are as they were found are read one behind another', async () => {
  const folder = await scratchShare();
  mkdirSync(join(folder.root, 'd'));
  const pieces = [put(folder, 'd/a', 'hello '), put(folder, 'd/empty', ''), put(folder, 'b', 'world')];
  expect(readAll(folder, pieces)).toEqual({
    results: [6, 0, 5].map((bytes) => ({ outcome: 'as-found', bytes })),
    text: 'hello world',
  });
});

test.each([
  ['appended to', (file: string) => appendFileSync(file, 'x'), 'hellox'],
  ['cut short', (file: string) => truncateSync(file, 2), 'he'],
  [
    'rewritten with the same size and mtime',
    (file: string) => {
      writeFileSync(file, 'xxxxx');
      utimesSync(file, 5, 5);
    },
    'xxxxx',
  ],
  [
    'replaced by rename',
    (file: string) => {
      writeFileSync(`${file}.new`, 'other');
      renameSync(`${file}.new`, file);
    },
    'other',
  ],
  ['made executable', (file: string) => chmodSync(file, 0o755), 'hello'],
])('%s since it was found: it is read as it is now', async (_what, change, text) => {
  const folder = await scratchShare();
  const file = join(folder.root, 'f');
  writeFileSync(file, 'hello');
  utimesSync(file, 5, 5);
  const piece = { path: at('f'), from: 0, found: statOf(folder, 'f') };
  change(file);
  const stat = statOf(folder, 'f');
  const next = put(folder, 'g', '!');
  expect(readAll(folder, [piece, next])).toEqual({
    results: [
      { outcome: 'read', stat, bytes: text.length, isEnd: true },
      { outcome: 'as-found', bytes: 1 },
    ],
    text: `${text}!`,
  });
});

test('a file for which there is not enough room left is read as far as it fits', async () => {
  const folder = await scratchShare();
  const pieces = [put(folder, 'a', 'hello'), put(folder, 'b', 'x'.repeat(roomBytes))];
  const { results, text } = readAll(folder, pieces);
  expect(results).toEqual([
    { outcome: 'as-found', bytes: 5 },
    { outcome: 'read', stat: statOf(folder, 'b'), bytes: roomBytes - 5, isEnd: false },
  ]);
  expect(text).toBe(`hello${'x'.repeat(roomBytes - 5)}`);
});

test('grown beyond the room since it was found: as much is read as fits', async () => {
  const folder = await scratchShare();
  const piece = put(folder, 'f', 'hello');
  appendFileSync(join(folder.root, 'f'), 'x'.repeat(roomBytes));
  const { results, text } = readAll(folder, [piece]);
  expect(results).toEqual([{ outcome: 'read', stat: statOf(folder, 'f'), bytes: roomBytes, isEnd: false }]);
  expect(text).toBe(`hello${'x'.repeat(roomBytes - 5)}`);
});

test.each([
  ['nothing', () => undefined],
  ['a directory', (path: string) => mkdirSync(path)],
  ['a FIFO', makeFifo],
  ['a symlink', (path: string) => symlinkSync('/etc/hostname', path)],
])('%s stands where a file was found: it has changed, and nothing of it is read', async (_what, make) => {
  const folder = await scratchShare();
  const piece = put(folder, 'f', 'hello');
  rmSync(join(folder.root, 'f'));
  make(join(folder.root, 'f'));
  const before = readdirSync('/proc/self/fd').length;
  expect(readAll(folder, [piece, put(folder, 'g', '!')])).toEqual({
    results: [{ outcome: 'changed' }, { outcome: 'as-found', bytes: 1 }],
    text: '!',
  });
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});
