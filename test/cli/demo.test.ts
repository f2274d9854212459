/** Shows that the demo's sample files are the same everywhere, and that its copy of a folder is true and harmless. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertRoom, copyFolder, folderBytes } from '../../src/cli/demo/folder-copy.js';
import { freeUdpPorts } from '../../src/cli/demo/free-ports.js';
import {
  incompressibleStream,
  seededRandom,
  writeIncompressible,
  writeSampleTree,
} from '../../src/cli/demo/sample.js';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'shoal-test-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

describe('sample files', () => {
  it('come from a generator whose numbers are known and spread evenly', () => {
    const random = seededRandom(1);
    expect([random(), random(), random()].map((value) => Math.floor(value * 1e6))).toEqual([
      627_073, 2735, 527_447,
    ]);
    const buckets = new Array<number>(10).fill(0);
    for (let draw = 0; draw < 10_000; draw++) {
      const bucket = Math.floor(random() * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(900);
    expect(Math.max(...buckets)).toBeLessThan(1100);
  });

  it('hold the same bytes however they are asked for, and others for another seed', async () => {
    const path = join(scratch, 'large');
    await writeIncompressible(path, 2_500_000, 7);
    const written = await readFile(path);
    expect(written.length).toBe(2_500_000);
    expect(hashOf(written)).toBe(hashOf(incompressibleStream(7)(2_500_000)));
    expect(hashOf(written)).not.toBe(hashOf(incompressibleStream(8)(2_500_000)));
  });

  it('are 200 small texts and a log of 10 MB, the same twice', async () => {
    const trees = [join(scratch, 'a'), join(scratch, 'b')];
    const digests: string[] = [];
    for (const tree of trees) {
      await writeSampleTree(tree, 1);
      const files = (await readdir(tree, { recursive: true, withFileTypes: true })).filter((entry) =>
        entry.isFile(),
      );
      expect(files).toHaveLength(201);
      const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
      const bytes = await Promise.all(paths.map((path) => readFile(path)));
      digests.push(hashOf(Buffer.concat(bytes)));
      expect((await stat(join(tree, 'records.log'))).size).toBe(10_000_000);
    }
    expect(digests[0]).toBe(digests[1]);
  });
});

describe('the copy of a folder', () => {
  it('has files, directories and links as they are, and no state of a share', async () => {
    const from = join(scratch, 'from');
    await mkdir(join(from, 'sub', '.shoal'), { recursive: true });
    await mkdir(join(from, '.shoal'));
    await writeFile(join(from, '.shoal', 'secrets.json'), 'secret');
    await writeFile(join(from, 'sub', 'file'), 'content');
    await symlink('../../nowhere', join(from, 'link'));
    await mkdir(join(scratch, 'to'));
    await copyFolder(from, join(scratch, 'to'));
    expect((await readdir(join(scratch, 'to'), { recursive: true })).sort()).toEqual([
      'link',
      'sub',
      'sub/file',
    ]);
    expect(await readlink(join(scratch, 'to', 'link'))).toBe('../../nowhere');
    expect(await folderBytes(join(scratch, 'to'))).toBe('content'.length);
  });

  it('is refused where it would contain itself', async () => {
    await mkdir(join(scratch, 'to'));
    await expect(copyFolder(scratch, join(scratch, 'to'))).rejects.toMatchObject({ code: 'USAGE' });
    expect(await readdir(join(scratch, 'to'))).toEqual([]);
  });

  it('is refused for what is no folder, with a sentence that names it', async () => {
    const path = join(scratch, 'absent');
    await expect(folderBytes(path)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(path),
    });
  });

  it('is refused where there is no room', async () => {
    await assertRoom(scratch, 0);
    await expect(assertRoom(scratch, 2 ** 60)).rejects.toMatchObject({ code: 'IO' });
  });
});

describe('free ports', () => {
  it('differ', async () => {
    const ports = await freeUdpPorts(3);
    expect(new Set(ports).size).toBe(3);
    expect(ports.every((port) => port > 0 && port <= 65_535)).toBe(true);
  });
});
