/**
 * Files are put in place whole or not at all, and never over something the user did meanwhile; shown on real
 * directories, with the user's part played by the content at the moment it is asked for.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { probeFileSystem } from '../../src/folder/file-system-traits.js';
import type { Folder } from '../../src/folder/index.js';
import { Placer } from '../../src/folder/place.js';
import { SafePaths } from '../../src/folder/safe-path.js';
import { TemporaryFiles } from '../../src/folder/temporary.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import {
  asOrdinaryUser,
  type at,
  chunks,
  expectedAt,
  fileEntry,
  scratchDirectory,
  scratchShare,
  someTimeNs,
} from './scratch.js';

const absent = { kind: 'absent' } as const;
const sharedMemory = '/dev/shm';

function leftovers(folder: Folder): string[] {
  return readdirSync(join(folder.root, '.shoal/tmp'));
}

function content(folder: Folder, path: string): string {
  return readFileSync(join(folder.root, path), 'utf8');
}

test('content of any length, in pieces of any length, is written as it is', async () => {
  const folder = await scratchShare();
  const blockBytes = 256 * 1024;
  const lengths = [1, blockBytes - 1, blockBytes, 1, 700_000, 24_001, 24_001, 2 * blockBytes, 17];
  const pieces = lengths.map((length, seed) => seededBytes(seed + 1, length));
  for (let count = 0; count <= pieces.length; count++) {
    const all = Buffer.concat(pieces.slice(0, count));
    async function* inPieces(): AsyncGenerator<Uint8Array> {
      for (const piece of pieces.slice(0, count)) {
        const borrowed = Uint8Array.from(piece);
        yield borrowed;
        borrowed.fill(0); // it was borrowed until now
      }
    }
    const entry = fileEntry(`f${count}`, all.length);
    const result = await folder.place({ entry, expected: absent, content: inPieces });
    expect(result.outcome).toBe('placed');
    expect(readFileSync(join(folder.root, `f${count}`)).equals(all), `${count} pieces`).toBe(true);
  }
});

test('a new file gets content, permissions and mtime, its parents are made, and its stat is told', async () => {
  const folder = await scratchShare();
  const entry = fileEntry('a/b/run', 5, { executable: true });
  const result = await folder.place({ entry, expected: absent, content: chunks('12', '345') });
  expect(content(folder, 'a/b/run')).toBe('12345');
  const stats = lstatSync(join(folder.root, 'a/b/run'), { bigint: true });
  expect(Number(stats.mode & 0o7777n)).toBe(0o777 & ~process.umask());
  expect(Number(stats.mtimeNs - someTimeNs)).toBeLessThan(1000);
  const { stat } = (await expectedAt(folder, 'a/b/run')) as { stat: unknown };
  expect(result).toEqual({ outcome: 'placed', stat });
  expect(leftovers(folder)).toEqual([]);
});

test('an empty file, and a time before 1970', async () => {
  const folder = await scratchShare();
  const entry = fileEntry('old', 0, { mtimeNs: -86_400_500_000_000n });
  await folder.place({ entry, expected: absent, content: chunks() });
  expect(lstatSync(join(folder.root, 'old'), { bigint: true })).toMatchObject({
    size: 0n,
    mtimeNs: -86_400_500_000_000n,
  });
});

test('nothing can be seen in the folder before the content is complete', async () => {
  const folder = await scratchShare();
  let seen: string[] = [];
  const look = () => {
    seen = readdirSync(folder.root);
  };
  await folder.place({ entry: fileEntry('f', 4), expected: absent, content: chunks('12', look, '34') });
  expect(seen).toEqual(['.shoal']);
});

test('a file is replaced when it is what was expected, and hard links to it keep the old content (hazard 18)', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), 'old');
  linkSync(join(folder.root, 'f'), join(folder.root, 'twin'));
  const expected = await expectedAt(folder, 'f');
  const result = await folder.place({ entry: fileEntry('f', 5), expected, content: chunks('newer') });
  expect(result.outcome).toBe('placed');
  expect([content(folder, 'f'), content(folder, 'twin')]).toEqual(['newer', 'old']);
});

test('an edit from a peer opens a private file to nobody; setuid, setgid and sticky are not kept (hazard 20)', async () => {
  const folder = await scratchShare();
  const place = async (mode: number, executable: boolean) => {
    writeFileSync(join(folder.root, 'f'), 'x');
    chmodSync(join(folder.root, 'f'), mode);
    const expected = await expectedAt(folder, 'f');
    await folder.place({ entry: fileEntry('f', 1, { executable }), expected, content: chunks('y') });
    return statSync(join(folder.root, 'f')).mode & 0o7777;
  };
  expect(await place(0o600, false)).toBe(0o600);
  expect(await place(0o640, true)).toBe(0o750);
  expect(await place(0o7755, true)).toBe(0o755);
  expect(await place(0o7755, false)).toBe(0o644);
});

test.each([
  ['another content', (file: string) => writeFileSync(file, 'mine, longer')],
  ['the same size and a touched mtime', (file: string) => utimesSync(file, 1, 1)],
  [
    'another file under the name',
    (file: string) => {
      writeFileSync(`${file}.new`, 'old');
      renameSync(`${file}.new`, file);
    },
  ],
  ['a changed mode', (file: string) => chmodSync(file, 0o755)],
  [
    'a symlink instead',
    (file: string) => {
      renameSync(file, `${file}.bak`);
      symlinkSync(`${file}.bak`, file);
    },
  ],
])('edited while the new content arrives (%s): left alone (hazard 23)', async (_what, edit) => {
  const folder = await scratchShare();
  const file = join(folder.root, 'f');
  writeFileSync(file, 'old');
  const expected = await expectedAt(folder, 'f');
  let after = lstatSync(file, { bigint: true });
  const editNow = () => {
    edit(file);
    after = lstatSync(file, { bigint: true });
  };
  const result = await folder.place({
    entry: fileEntry('f', 3),
    expected,
    content: chunks('n', editNow, 'ew'),
  });
  expect(result).toEqual({ outcome: 'differs' });
  expect(lstatSync(file, { bigint: true })).toEqual(after);
  expect(leftovers(folder)).toEqual([]);
});

test('a change made before the content is asked for is seen at once, and nothing is written', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), 'mine');
  const request = { entry: fileEntry('f', 1), expected: absent, content: chunks(() => expect.unreachable()) };
  expect(await folder.place(request)).toEqual({ outcome: 'differs' });
});

test.each([
  ['a file', (path: string) => writeFileSync(path, 'mine')],
  ['a directory', (path: string) => mkdirSync(path)],
  ['a dangling symlink', (path: string) => symlinkSync('nowhere', path)],
])('%s that appears during the creation is kept (hazard 24)', async (_what, appear) => {
  for (const hardLinks of [true, false]) {
    const folder = await scratchShare({ hardLinks });
    const now = () => appear(join(folder.root, 'f'));
    const result = await folder.place({
      entry: fileEntry('f', 2),
      expected: absent,
      content: chunks('1', now, '2'),
    });
    expect(result).toEqual({ outcome: 'differs' });
    expect(leftovers(folder)).toEqual([]);
  }
});

test('link itself refuses a name that appeared after the last look', async () => {
  const folder = await scratchShare();
  const hidden = () => writeFileSync(join(folder.root, 'f'), 'mine');
  const traits = { ...probeFileSystem(join(folder.root, '.shoal/tmp')), listNames: undefined };
  const paths = new SafePaths(folder.root, traits);
  const temporary = new TemporaryFiles(folder.root, paths);
  const enter = temporary.enter.bind(temporary);
  let enters = 0;
  // The file appears when the placer, its last look done, goes to fetch the temporary file.
  temporary.enter = (use) => {
    enters += 1;
    if (enters === 4) hidden();
    return enter(use);
  };
  const placer = new Placer({ paths, temporary, traits, read: (path) => folder.read(path) });
  const result = await placer.place({ entry: fileEntry('f', 1), expected: absent, content: chunks('x') });
  expect(result).toEqual({ outcome: 'differs' });
  expect(content(folder, 'f')).toBe('mine');
  expect(leftovers(folder)).toEqual([]);
});

test('without hard links a file is still created', async () => {
  const folder = await scratchShare({ hardLinks: false });
  const result = await folder.place({ entry: fileEntry('f', 1), expected: absent, content: chunks('x') });
  expect(result.outcome).toBe('placed');
  expect([content(folder, 'f'), leftovers(folder)]).toEqual(['x', []]);
});

test.each(['ENOSPC', 'EDQUOT', 'EIO'])(
  '%s while writing: an IO error that says so, nothing left (hazard 29)',
  async (code) => {
    const folder = await scratchShare();
    writeFileSync(join(folder.root, 'f'), 'old');
    const expected = await expectedAt(folder, 'f');
    const fail = () => {
      throw Object.assign(new Error(code), { code });
    };
    const placing = folder.place({ entry: fileEntry('f', 9), expected, content: chunks('part', fail) });
    await expect(placing).rejects.toMatchObject({ code: 'IO', data: { path: 'f', code } });
    expect([content(folder, 'f'), leftovers(folder)]).toEqual(['old', []]);
  },
);

test('a file larger than the file system can hold blocks itself alone', async () => {
  const folder = await scratchShare();
  const fail = () => {
    throw Object.assign(new Error('EFBIG'), { code: 'EFBIG' });
  };
  const result = await folder.place({
    entry: fileEntry('f', 9),
    expected: absent,
    content: chunks('part', fail),
  });
  expect(result).toEqual({ outcome: 'blocked', reason: 'too large for this file system' });
  expect(leftovers(folder)).toEqual([]);
});

test.each([[3], [5]])('content of 4 bytes where %d are declared is refused', async (size) => {
  const folder = await scratchShare();
  const placing = folder.place({
    entry: fileEntry('f', size),
    expected: absent,
    content: chunks('12', '34'),
  });
  await expect(placing).rejects.toMatchObject({ code: 'MALFORMED' });
  expect([existsSync(join(folder.root, 'f')), leftovers(folder)]).toEqual([false, []]);
});

test('cancelled in the middle: nothing left', async () => {
  const folder = await scratchShare();
  const abort = new AbortController();
  const request = {
    entry: fileEntry('f', 2),
    expected: absent,
    content: chunks('1', () => abort.abort(), '2'),
  };
  await expect(folder.place(request, abort.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  expect([existsSync(join(folder.root, 'f')), leftovers(folder)]).toEqual([false, []]);
});

test('without content only the executable bit and the mtime change', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), 'same');
  const expected = await expectedAt(folder, 'f');
  const { ino } = lstatSync(join(folder.root, 'f'));
  const result = await folder.place({ entry: fileEntry('f', 4, { executable: true }), expected });
  expect(result).toEqual({
    outcome: 'placed',
    stat: ((await expectedAt(folder, 'f')) as { stat: unknown }).stat,
  });
  const stats = lstatSync(join(folder.root, 'f'));
  expect([stats.ino, stats.mode & 0o777, stats.mtimeMs]).toEqual([ino, 0o755, 1_700_000_000_500]);
  expect(await folder.place({ entry: fileEntry('f', 4), expected })).toEqual({ outcome: 'differs' });
});

test('without content, other hard links to the file keep their mode and mtime (hazard 18)', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, 'f'), 'same');
  linkSync(join(folder.root, 'f'), join(folder.root, 'twin'));
  const before = lstatSync(join(folder.root, 'twin'));
  const expected = await expectedAt(folder, 'f');
  const result = await folder.place({ entry: fileEntry('f', 4, { executable: true }), expected });
  expect(result.outcome).toBe('placed');
  const [file, twin] = [lstatSync(join(folder.root, 'f')), lstatSync(join(folder.root, 'twin'))];
  expect([file.mode & 0o100, content(folder, 'f')]).toEqual([0o100, 'same']);
  expect([twin.mode, twin.mtimeMs, twin.ino]).toEqual([before.mode, before.mtimeMs, before.ino]);
});

test('a directory that may not be written blocks what is in it, and says why', async () => {
  const folder = await scratchShare();
  const locked = join(folder.root, 'locked');
  mkdirSync(locked);
  const own = [join(folder.root, '.shoal/tmp'), locked];
  chmodSync(locked, 0o555);
  const result = await asOrdinaryUser(own, () =>
    folder.place({ entry: fileEntry('locked/f', 1), expected: absent, content: chunks('x') }),
  );
  expect(result).toEqual({ outcome: 'blocked', reason: 'permission denied' });
  expect(leftovers(folder)).toEqual([]);
});

test('a name the file system cannot hold is blocked', async () => {
  const folder = await scratchShare();
  const entry = { ...fileEntry('f', 1), path: 'x'.repeat(300) as ReturnType<typeof at> };
  const result = await folder.place({ entry, expected: absent, content: chunks('x') });
  expect(result).toEqual({ outcome: 'blocked', reason: 'the name is too long for this file system' });
});

const twoFileSystems = existsSync(sharedMemory) && statSync(sharedMemory).dev !== statSync(process.cwd()).dev;
test.runIf(twoFileSystems)(
  'a target on another file system is blocked before anything is written',
  async () => {
    const folder = await scratchShare();
    const elsewhere = scratchDirectory(sharedMemory);
    const traits = probeFileSystem(elsewhere);
    const temporary = new TemporaryFiles(folder.root, new SafePaths(folder.root, traits));
    const paths = new SafePaths(elsewhere, traits);
    const placer = new Placer({ paths, temporary, traits, read: (path) => folder.read(path) });
    const request = {
      entry: fileEntry('f', 1),
      expected: absent,
      content: chunks(() => expect.unreachable()),
    };
    const result = await placer.place(request);
    expect(result).toEqual({ outcome: 'blocked', reason: 'on another file system than .shoal' });
  },
);

test('where names are folded, a name that another one stands for is blocked (hazards 8, 10)', async () => {
  const folder = await scratchShare({ listNames: () => ['.shoal', 'docs', 'readme', 'tmp'] });
  mkdirSync(join(folder.root, 'Docs'));
  writeFileSync(join(folder.root, 'README'), 'mine');
  const place = (path: string) =>
    folder.place({ entry: fileEntry(path, 1), expected: absent, content: chunks('x') });
  expect(await place('README')).toMatchObject({ outcome: 'blocked' });
  expect(await place('Docs/new')).toMatchObject({ outcome: 'blocked' });
  expect(content(folder, 'README')).toBe('mine');
  expect(await place('other')).toMatchObject({ outcome: 'placed' });
});

test('what a crash left in .shoal/tmp is removed and counted', async () => {
  const folder = await scratchShare();
  writeFileSync(join(folder.root, '.shoal/tmp/a'), '');
  mkdirSync(join(folder.root, '.shoal/tmp/b'));
  symlinkSync(folder.root, join(folder.root, '.shoal/tmp/c'));
  writeFileSync(join(folder.root, 'kept'), '');
  expect([await folder.cleanTemporary(), leftovers(folder), existsSync(join(folder.root, 'kept'))]).toEqual([
    3,
    [],
    true,
  ]);
});
