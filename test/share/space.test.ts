/**
 * Shows that want of space is noticed before anything is written, is said with figures, and passes by itself; and that
 * what the store has already is not asked for twice. The free bytes are made up; `full-disk.test.ts` has a real full disk.
 */
import { appendFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { initShare, shareStatus } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { Peer, scratchDirectory, untilEqual } from './peer.js';

let scratch: { path: string; remove: () => Promise<void> };
let peers: Peer[] = [];
const megabyte = 1_000_000;

beforeEach(async () => {
  scratch = await scratchDirectory();
  peers = [];
});
afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.stop()));
  await scratch.remove();
});

/** A disk with so much free, and too much used to pass without counting. */
const disk = (free: number) => (): Promise<{ free: number; used: number }> =>
  Promise.resolve({ free, used: 1e15 });

describe('init', () => {
  it('is refused with the figures where the content may not fit, and leaves the folder as it was', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    await writeFile(join(directory, 'large'), seededBytes(1, 3 * megabyte));
    const init = (free: number) => initShare({ directory, name: 'a', now: Date.now, askSpace: disk(free) });
    await expect(init(3 * megabyte)).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringMatching(/may need 4\.2 MB, and 3\.0 MB are free there: free some space/),
    });
    expect(await readdir(directory)).toEqual(['large']);
    expect(await init(5 * megabyte)).toMatchObject({ files: 1 });
  });

  it('does not count what is ignored, nor anything where there is plenty', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    await writeFile(join(directory, 'large'), seededBytes(1, 3 * megabyte));
    await writeFile(join(directory, '.shoalignore'), 'large\n');
    const init = initShare({ directory, name: 'a', now: Date.now, askSpace: disk(2 * megabyte) });
    expect(await init).toMatchObject({ files: 1 });
  });
});

describe('a pull', () => {
  /** b joins a, with so little free that nothing fits. */
  async function pair(): Promise<{ a: Peer; b: Peer; room: { free: number } }> {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    await writeFile(join(directory, 'large'), seededBytes(1, 2 * megabyte));
    const a = await Peer.init(directory, 'a');
    await a.start();
    const b = await Peer.join(join(scratch.path, 'b'), 'b', a);
    peers.push(a, b);
    const room = { free: 3 * megabyte };
    await b.start({ askSpace: () => Promise.resolve({ free: room.free, used: 0 }) });
    return { a, b, room };
  }
  const blockedEvents = (peer: Peer) => peer.events.filter(({ event }) => event === 'blocked');

  it('does not begin where its files and their chunks do not fit, says so once, and goes on when they do', async () => {
    const { a, b, room } = await pair();
    await b.running.until(() => b.running.blocked.length > 0, AbortSignal.timeout(20_000));
    const reason =
      /^1 file to be received may need 5\.1 MB, and 3\.0 MB are free on the disk of .*goes on by itself/;
    expect(b.running.blocked).toEqual([{ path: '.', reason: expect.stringMatching(reason) }]);
    b.running.poke();
    await b.running.until(() => !b.running.isInSync, AbortSignal.timeout(1000));
    expect(await readdir(b.directory)).toEqual(['.shoal']);
    expect(b.running.mesh.traffic.payloadIn).toBeLessThan(10_000);
    expect(await shareStatus(layoutOf(b.directory), Date.now)).toMatchObject({
      inSync: false,
      blocked: [{ path: '.' }],
    });
    room.free = 10 * megabyte;
    b.running.poke();
    await untilEqual([a, b]);
    expect(b.running.blocked).toEqual([]);
    expect(blockedEvents(b)).toHaveLength(1);
  });

  it('needs room for what is new only: a renamed file for its copy, an appended one for both versions', async () => {
    const { a, b, room } = await pair();
    await b.running.until(() => b.running.blocked.length > 0, AbortSignal.timeout(20_000));
    room.free = 10 * megabyte;
    b.running.poke();
    await untilEqual([a, b]);
    room.free = 3.3 * megabyte;
    await rename(join(a.directory, 'large'), join(a.directory, 'renamed'));
    await a.running.scanNow();
    await untilEqual([a, b]);
    await appendFile(join(a.directory, 'renamed'), 'more');
    await a.running.scanNow();
    await untilEqual([a, b]);
    expect((await readFile(join(b.directory, 'renamed'))).length).toBe(2 * megabyte + 4);
    expect(blockedEvents(b)).toHaveLength(1);
  });
});

describe('status', () => {
  it('tells what the store costs on the disk', async () => {
    const directory = join(scratch.path, 'a');
    await mkdir(directory);
    await writeFile(join(directory, 'large'), seededBytes(1, 2 * megabyte));
    await initShare({ directory, name: 'a', now: Date.now });
    const { store } = await shareStatus(layoutOf(directory), Date.now);
    expect(store.diskBytes).toBeGreaterThanOrEqual(store.bytes);
    expect(store.diskBytes).toBeLessThan(store.bytes + megabyte);
    expect(store.quarantineBytes).toBe(0);
  });
});
