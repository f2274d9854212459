/**
 * Two peers in one process, over real UDP on loopback and real folders, become and stay equal: first sync, edits
 * on both sides, deletions, conflicts, and a read-only device.
 */
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { approveDeletions } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { seededBytes as seeded } from '../chunking/seeded-bytes.js';
import { Peer, scratchDirectory, untilEqual } from './peer.js';

let scratch: { path: string; remove: () => Promise<void> };
let peers: Peer[] = [];

beforeEach(async () => {
  scratch = await scratchDirectory();
  peers = [];
});

afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.stop()));
  await scratch.remove();
});

const seededBytes = (seed: number, bytes: number): Buffer => Buffer.from(seeded(seed, bytes));

async function pair(
  fill: (directory: string) => Promise<void> = async () => undefined,
): Promise<[Peer, Peer]> {
  const directory = join(scratch.path, 'a');
  await mkdir(directory);
  await fill(directory);
  const a = await Peer.init(directory, 'a');
  await a.start();
  peers.push(a);
  const b = await Peer.join(join(scratch.path, 'b'), 'b', a);
  await b.start();
  peers.push(b);
  return [a, b];
}

describe('two peers', () => {
  it('have the same files after the first sync: nested, empty, executable, symlinks', async () => {
    const [a, b] = await pair(async (directory) => {
      await mkdir(join(directory, 'd', 'e', 'empty'), { recursive: true });
      await writeFile(join(directory, 'd', 'one.txt'), 'one');
      await writeFile(join(directory, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
      await writeFile(join(directory, 'zero'), '');
      await writeFile(join(directory, 'large.bin'), Buffer.alloc(3_000_000, 'shoal'));
      await symlink('d/one.txt', join(directory, 'link'));
    });
    await untilEqual([a, b]);
    expect(
      (await readdir(b.directory, { recursive: true })).filter((name) => !name.startsWith('.shoal')).sort(),
    ).toEqual(['d', 'd/e', 'd/e/empty', 'd/one.txt', 'large.bin', 'link', 'run.sh', 'zero'].sort());
    const large = await readFile(join(b.directory, 'large.bin'));
    expect(large.equals(await readFile(join(a.directory, 'large.bin')))).toBe(true);
    expect(await readFile(join(b.directory, 'link'), 'utf8')).toBe('one');
  });

  it('pass on edits, renames and deletions both ways', async () => {
    const [a, b] = await pair((directory) => writeFile(join(directory, 'x'), 'from a'));
    await untilEqual([a, b]);
    await writeFile(join(b.directory, 'y'), 'from b');
    await b.running.scanNow();
    await untilEqual([a, b]);
    expect(await readFile(join(a.directory, 'y'), 'utf8')).toBe('from b');
    await rename(join(a.directory, 'y'), join(a.directory, 'z'));
    await rm(join(a.directory, 'x'));
    await a.running.scanNow();
    const before = b.running.mesh.traffic.payloadIn;
    await untilEqual([a, b]);
    expect((await readdir(b.directory)).sort()).toEqual(['.shoal', 'z']);
    expect(b.running.mesh.traffic.payloadIn - before).toBeLessThan(2000);
  });

  it('keep both versions of a file that was edited on both sides, and an edit rather than a deletion', async () => {
    const [a, b] = await pair(async (directory) => {
      await writeFile(join(directory, 'both.txt'), 'old');
      await writeFile(join(directory, 'kept.txt'), 'old');
    });
    await untilEqual([a, b]);
    await b.stop();
    await writeFile(join(a.directory, 'both.txt'), 'edit of a');
    await writeFile(join(b.directory, 'both.txt'), 'edit of b');
    await rm(join(a.directory, 'kept.txt'));
    await writeFile(join(b.directory, 'kept.txt'), 'edit of b');
    await a.running.scanNow();
    await b.start();
    await untilEqual([a, b]);
    for (const { directory } of [a, b]) {
      const names = (await readdir(directory)).filter((name) => name.startsWith('both'));
      const contents = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
      expect(contents.sort()).toEqual(['edit of a', 'edit of b']);
      expect(await readFile(join(directory, 'kept.txt'), 'utf8')).toBe('edit of b');
    }
  });

  it('do not take in what a read-only device changed, and it keeps its own version', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    await writeFile(join(directory, 'file'), 'of a');
    const a = await Peer.init(directory, 'a');
    await a.start();
    const b = await Peer.join(join(scratch.path, 'b'), 'b', a, 'ro');
    await b.start();
    peers.push(a, b);
    await untilEqual([a, b]);
    await writeFile(join(b.directory, 'file'), 'changed by b');
    await b.running.scanNow();
    expect(b.running.blocked.map(({ path }) => path)).toEqual(['file']);
    await writeFile(join(a.directory, 'other'), 'more');
    await a.running.scanNow();
    await untilEqual([a, b]);
    expect(await readFile(join(b.directory, 'other'), 'utf8')).toBe('more');
    expect(await readFile(join(a.directory, 'file'), 'utf8')).toBe('of a');
    expect(await readFile(join(b.directory, 'file'), 'utf8')).toBe('changed by b');
  });

  it('bring back what a read-only device deleted, also when that is approved at rest', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    for (let count = 0; count < 30; count++)
      await writeFile(join(directory, `file-${count}`), `of a ${count}`);
    const a = await Peer.init(directory, 'a');
    await a.start();
    const b = await Peer.join(join(scratch.path, 'b'), 'b', a, 'ro');
    await b.start();
    peers.push(a, b);
    await untilEqual([a, b]);
    const { root } = a.running.share.replica;
    await b.stop();
    for (let count = 0; count < 30; count++) await rm(join(b.directory, `file-${count}`));
    expect(await approveDeletions(layoutOf(b.directory), Date.now)).toEqual({ approved: 0 });
    expect(await readFile(join(b.directory, 'file-7'), 'utf8')).toBe('of a 7');
    await b.start();
    await untilEqual([a, b]);
    expect(b.running.share.replica.root).toBe(root);
  });

  it('keep to limits on the rate, and all of it arrives', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    const large = seededBytes(7, 1_000_000);
    await writeFile(join(directory, 'large.bin'), large);
    const a = await Peer.init(directory, 'a');
    await a.start({ limitUp: '1.5MB/s' });
    const b = await Peer.join(join(scratch.path, 'b'), 'b', a);
    peers.push(a, b);
    const startedAt = performance.now();
    await b.start({ limitDown: '600KB/s' });
    await untilEqual([a, b]);
    const seconds = (performance.now() - startedAt) / 1000;
    expect(large.equals(await readFile(join(b.directory, 'large.bin')))).toBe(true);
    const { payloadIn } = b.running.mesh.traffic;
    // No upper bound on the time is tested: the machine may be slow. A quarter of a second's bytes may go at once.
    expect(payloadIn).toBeLessThanOrEqual((seconds + 0.25) * 600_000);
    expect(payloadIn).toBeGreaterThanOrEqual(large.length);
  });

  it('stop at once while something waits for its turn under a limit', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    await writeFile(join(directory, 'large.bin'), seededBytes(8, 3_000_000));
    const a = await Peer.init(directory, 'a');
    await a.start({ limitUp: '20KB/s' });
    const b = await Peer.join(join(scratch.path, 'b'), 'b', a);
    peers.push(a, b);
    await b.start({ limitDown: '20KB/s' });
    await expect.poll(() => b.running.pending.files, { interval: 20, timeout: 20_000 }).toBe(1);
    const startedAt = performance.now();
    await Promise.all([a.stop(), b.stop()]);
    // At its rate the rest would take two minutes.
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    await b.start();
    await a.start({ peers: [`127.0.0.1:${b.running.mesh.address.port}`] });
    await untilEqual([a, b]);
  });

  it('go on after a restart without sending anything twice', async () => {
    const [a, b] = await pair((directory) =>
      writeFile(join(directory, 'large.bin'), Buffer.alloc(2_000_000, 7)),
    );
    await untilEqual([a, b]);
    await b.stop();
    await b.start();
    await untilEqual([a, b]);
    expect(b.running.mesh.traffic.payloadIn).toBe(0);
  });
});
