/**
 * Shows that a dry run says what the sync after it then does, and that it changes nothing: neither the folder, nor the
 * own root, nor what peers have. Two or three peers in one process, over real UDP on loopback.
 */
import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type DryRunResult,
  dryRunSync,
  type ShareEvent,
  shareStatus,
  syncShare,
} from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
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

/** Two peers that agree on `files`; b is at rest then. */
async function pair(files: readonly string[], role: 'rw' | 'ro' = 'rw'): Promise<[a: Peer, b: Peer]> {
  const directory = join(scratch.path, 'a');
  await mkdir(directory);
  for (const name of files) await writeFile(join(directory, name), `old ${name}`);
  const a = await Peer.init(directory, 'a');
  await a.start();
  const b = await Peer.join(join(scratch.path, 'b'), 'b', a, role);
  peers.push(a, b);
  await b.start();
  await untilEqual([a, b]);
  await b.stop();
  return [a, b];
}

const options = (timeoutMs = 20_000, dial: string[] = []) => ({
  port: 0,
  peers: dial,
  timeoutMs,
  now: Date.now,
  random: Math.random,
  listener: () => undefined,
  signal: new AbortController().signal,
});
const dry = (peer: Peer, timeoutMs?: number, dial?: string[]): Promise<DryRunResult> =>
  dryRunSync(layoutOf(peer.directory), options(timeoutMs, dial));

/** A sync that finds nobody: it ends when it has signed a head over what its scan found. */
async function syncAlone({ directory }: Peer): Promise<void> {
  const abort = new AbortController();
  const listener = ({ event }: ShareEvent): void => {
    if (event === 'ready') abort.abort();
  };
  await syncShare(layoutOf(directory), { ...options(), signal: abort.signal, listener });
}

async function contents(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).filter((name) => name !== '.shoal').sort();
  const pairs = names.map(async (name) => [
    name,
    `${(await stat(join(directory, name))).mtimeMs} ${await readFile(join(directory, name), 'utf8')}`,
  ]);
  return Object.fromEntries(await Promise.all(pairs)) as Record<string, string>;
}

async function rootAtRest({ directory }: Peer): Promise<string> {
  return (await shareStatus(layoutOf(directory), Date.now)).root;
}

describe('a dry run', () => {
  it('says what the next sync does, and does nothing of it', async () => {
    const [a, b] = await pair(['both', 'edited-a', 'edited-b', 'gone-a', 'gone-b', 'kept', 'touched-b']);
    const put = (peer: Peer, name: string): Promise<void> =>
      writeFile(join(peer.directory, name), `new ${name} of ${peer.directory}`);
    for (const name of ['both', 'edited-a', 'new-a']) await put(a, name);
    await rm(join(a.directory, 'gone-a'));
    await a.running.scanNow();
    for (const name of ['both', 'edited-b', 'new-b']) await put(b, name);
    await rm(join(b.directory, 'gone-b'));
    await utimes(join(b.directory, 'touched-b'), 1, 1);
    const before = { a: await contents(a.directory), b: await contents(b.directory) };
    const roots = { a: a.running.share.replica.root, b: await rootAtRest(b) };

    const said = await dry(b);

    expect(said).toMatchObject({ dryRun: true, inSync: true, root: roots.b, held: null });
    expect(said.paths.conflicts).toEqual([expect.stringMatching(/^both\.conflict-/)]);
    expect(said.paths.received).toEqual(expect.arrayContaining(['edited-a', 'new-a']));
    expect(said.paths.deleted).toEqual(['gone-a']);
    expect([...said.paths.sent].sort()).toEqual(
      expect.arrayContaining(['edited-b', 'gone-b', 'new-b', 'touched-b']),
    );
    expect({ a: await contents(a.directory), b: await contents(b.directory) }).toEqual(before);
    expect({ a: a.running.share.replica.root, b: await rootAtRest(b) }).toEqual(roots);

    const done = await syncShare(layoutOf(b.directory), options());
    expect(done.inSync).toBe(true);
    expect(said.changed).toEqual(done.changed);
  });

  it('fetches no content, and its peer fetches none because of it, even of what it had missed', async () => {
    const [a, b] = await pair(['x']);
    await writeFile(join(a.directory, 'large-a'), seededBytes(1, 500_000));
    await a.running.scanNow();
    // b has a head that a does not know, and a session would be a chance to pull.
    await a.stop();
    await writeFile(join(b.directory, 'large-b'), seededBytes(2, 500_000));
    await syncAlone(b);
    await a.start();
    const said = await dry(b, 20_000, [`127.0.0.1:${a.running.mesh.address.port}`]);
    expect(said.changed).toEqual({ sent: 1, received: 1, deleted: 0, conflicts: 0 });
    expect(said.paths).toMatchObject({ sent: ['large-b'], received: ['large-a'] });
    expect(said.transfer.payloadIn).toBeLessThan(20_000);
    expect(said.transfer.payloadOut).toBe(0);
    expect(a.running.mesh.traffic.payloadIn).toBe(0);
    expect(Object.keys(await contents(a.directory))).not.toContain('large-b');
    const heads = a.running.mesh.heads().map(({ head }) => head.root);
    expect(heads).not.toContain(await rootAtRest(b));
  });

  it('tells that a member was not reached', async () => {
    const [a, b] = await pair(['x']);
    await a.stop();
    await writeFile(join(b.directory, 'y'), 'new');
    const said = await dry(b, 300);
    expect(said).toMatchObject({ inSync: false, changed: { sent: 1, received: 0 } });
  });

  it('asks a running watch, which goes on as it was', async () => {
    const [a, b] = await pair(['x']);
    await b.start();
    await untilEqual([a, b]);
    expect(await dry(b)).toMatchObject({
      inSync: true,
      changed: { sent: 0, received: 0, deleted: 0, conflicts: 0 },
    });
    await writeFile(join(a.directory, 'y'), 'new');
    await a.running.scanNow();
    await untilEqual([a, b]);
  });

  it('tells what the guard would hold', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `file-${index}`);
    const [, b] = await pair(names);
    for (const name of names) await rm(join(b.directory, name));
    const root = await rootAtRest(b);
    expect(await dry(b)).toMatchObject({ inSync: false, held: { deletions: 30, of: 30 } });
    expect(await rootAtRest(b)).toBe(root);
  });

  it('of a read-only device sends nothing and brings nothing back', async () => {
    const [, b] = await pair(['x', 'y'], 'ro');
    await rm(join(b.directory, 'x'));
    await writeFile(join(b.directory, 'y'), 'edited');
    const said = await dry(b);
    expect(said.changed).toEqual({ sent: 0, received: 0, deleted: 0, conflicts: 0 });
    expect(said.blocked.map(({ path }) => path)).toEqual(['y']);
    expect(await readdir(b.directory)).not.toContain('x');
  });

  it('keeps nothing of what it reads: the store grows by tree nodes at most', async () => {
    const [, b] = await pair(['x']);
    const bytes = async (): Promise<number> =>
      (await shareStatus(layoutOf(b.directory), Date.now)).store.bytes;
    const before = await bytes();
    await writeFile(join(b.directory, 'large'), seededBytes(3, 2_000_000));
    expect((await dry(b)).paths.sent).toEqual(['large']);
    expect((await bytes()) - before).toBeLessThan(20_000);
  });
});
