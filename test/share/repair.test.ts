/**
 * `verify --repair` of a device whose data rots in every place, with a peer that holds it all, and without: what comes
 * back is byte-identical and the roots stay equal; what cannot come back is listed; the damaged bytes are kept; and rot
 * never reaches the peer.
 */
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import { type VerifyResult, verify } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { chunkKey } from '../../src/store/key.js';
import { editRaw } from '../store/raw-database.js';
import { poll } from '../support/patience.js';
import { fileEntry, flipBit, rot } from './damage.js';
import { Peer, scratchDirectory, untilEqual } from './peer.js';

let scratch: { path: string; remove: () => Promise<void> };
let a: Peer;
let b: Peer;
let running: Peer[] = [];

const largeBytes = Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * index) >> 7));
const contents: Readonly<Record<string, Buffer>> = {
  'small.txt': Buffer.from('a few bytes'),
  'd/large.bin': largeBytes,
  'd/other.txt': Buffer.from('something else'),
};

beforeEach(async () => {
  scratch = await scratchDirectory();
  const directory = join(scratch.path, 'a');
  await mkdir(join(directory, 'd'), { recursive: true });
  for (const [path, bytes] of Object.entries(contents)) await writeFile(join(directory, path), bytes);
  a = await Peer.init(directory, 'a');
  running = [a];
  await a.start({ watch: false });
  b = await Peer.join(join(scratch.path, 'b'), 'b', a);
  await b.start({ watch: false });
  running.push(b);
  await untilEqual([a, b]);
});

afterEach(async () => {
  await Promise.all(running.map((peer) => peer.stop()));
  await scratch.remove();
});

/** What `shoal verify` does: asks the running share, or opens the one at rest. */
const verified = (
  peer: Peer,
  options: { repair: boolean; files?: boolean; store?: boolean },
): Promise<VerifyResult> =>
  verify(layoutOf(peer.directory), {
    files: true,
    store: true,
    ...options,
    now: Date.now,
    random: Math.random,
    patienceMs: 2000,
    signal: AbortSignal.timeout(30_000),
  });

async function expectContents(peer: Peer): Promise<void> {
  for (const [path, bytes] of Object.entries(contents))
    expect(bytes.equals(await readFile(join(peer.directory, path))), path).toBe(true);
}

async function stop(peer: Peer): Promise<void> {
  await peer.stop();
  running = running.filter((other) => other !== peer);
}

/** Takes chunks out of the store of a share at rest. */
async function lose(peer: Peer, ids: readonly ChunkId[]): Promise<void> {
  await editRaw(join(peer.directory, '.shoal', 'store'), async (raw) => {
    for (const id of ids) await raw.del(chunkKey(id));
  });
}

/** Flips a bit of a chunk that lies in the index of a share at rest. */
async function damageValue(peer: Peer, id: ChunkId): Promise<void> {
  await editRaw(join(peer.directory, '.shoal', 'store'), async (raw) => {
    const value = Uint8Array.from((await raw.get(chunkKey(id))) ?? []);
    await raw.put(chunkKey(id), value.with(20, (value[20] ?? 0) ^ 1));
  });
}

/** Resolves when the store of a running share has the chunk, intact. */
async function untilHealed({ running }: Peer, id: ChunkId): Promise<void> {
  await poll(async () => ((await running.share.store.chunks.get(id)) === undefined ? undefined : true), {
    until: `${id} was healed`,
    patienceMs: 20_000,
  });
}

async function damagePacks(peer: Peer): Promise<void> {
  const packs = join(peer.directory, '.shoal', 'store', 'packs');
  for (const name of await readdir(packs)) await truncate(join(packs, name), 100);
}

async function kept(peer: Peer): Promise<string[]> {
  const directory = join(peer.directory, '.shoal', 'quarantine');
  return (await readdir(directory, { recursive: true })).filter((name) => /\.(txt|bin)$/.test(name));
}

describe('a running share', () => {
  it('restores rotten and missing files from its own store, and keeps what it found', async () => {
    const { share } = b.running;
    const { root } = share.replica;
    await rot(share, 'd/large.bin', 200_000);
    await rm(join(b.directory, 'small.txt'));
    const damaged = await readFile(join(b.directory, 'd/large.bin'));
    expect(await verified(b, { repair: false })).toMatchObject({
      ok: false,
      files: { damaged: ['d/large.bin'], missing: ['small.txt'] },
      unrepaired: 2,
      repaired: 0,
    });
    const result = await verified(b, { repair: true });
    expect(result).toMatchObject({
      ok: true,
      repaired: 2,
      unrepaired: 0,
      quarantine: { files: 1, bytes: 400_000 },
    });
    await expectContents(b);
    const [name = ''] = await kept(b);
    expect(damaged.equals(await readFile(join(b.directory, '.shoal', 'quarantine', name)))).toBe(true);
    await b.running.scanNow();
    expect(share.replica.root).toBe(root);
    expect(await verified(b, { repair: false })).toMatchObject({ ok: true });
    expect(b.events).toContainEqual({ event: 'damage', path: 'd/large.bin' });
  });

  it('heals in the background what turns out damaged while it is served or scanned', async () => {
    const { share } = b.running;
    const { root } = share.replica;
    await stop(b);
    await damagePacks(b);
    await damageValue(b, root);
    await b.start({ watch: false });
    running.push(b);
    await untilHealed(b, root);
    await untilEqual([a, b]);
    expect(b.running.share.replica.root).toBe(root);
    // What is asked for by a peer is met now.
    for await (const { id, ok } of b.running.share.store.chunks.verify()) if (!ok) await untilHealed(b, id);
    expect(await verified(b, { repair: false })).toMatchObject({ ok: true });
  });

  it('never tells a peer of rot: the peer keeps the good version', async () => {
    await rot(b.running.share, 'small.txt');
    await writeFile(join(b.directory, 'news.txt'), 'an edit');
    await b.running.scanNow();
    await untilEqual([a, b]);
    expect(await readFile(join(a.directory, 'small.txt'), 'utf8')).toBe('a few bytes');
    expect(await readFile(join(a.directory, 'news.txt'), 'utf8')).toBe('an edit');
  });
});

describe('a share at rest', () => {
  it('takes damaged chunks from its intact files, without any peer', async () => {
    await stop(a);
    await stop(b);
    await damagePacks(b);
    const found = await verified(b, { repair: false });
    expect(found.ok).toBe(false);
    expect(found.chunks.damaged.length).toBeGreaterThan(0);
    expect(await verified(b, { repair: true })).toMatchObject({ ok: true, unrepaired: 0 });
    expect(await verified(b, { repair: false })).toMatchObject({ ok: true });
    await expectContents(b);
  });

  it('fetches what is gone from both store and folder, and restores the files with it', async () => {
    const { recipe } = await fileEntry(b.running.share, 'd/large.bin');
    await rot(b.running.share, 'd/large.bin', 100);
    await rot(b.running.share, 'd/other.txt');
    const { root } = b.running.share.replica;
    await stop(b);
    await damagePacks(b);
    await lose(b, [...recipe.parts.map(({ id }) => id)]);
    const result = await verified(b, { repair: true });
    expect(result).toMatchObject({
      ok: true,
      unrepaired: 0,
      files: { damaged: ['d/large.bin', 'd/other.txt'] },
    });
    await expectContents(b);
    await b.start({ watch: false });
    running.push(b);
    await untilEqual([a, b]);
    expect(b.running.share.replica.root).toBe(root);
  });

  it('fetches the nodes of its own tree, the root among them', async () => {
    const { root } = b.running.share.replica;
    await b.running.scanNow();
    await stop(b);
    // A damaged root, not a missing one: the share must not begin with an empty tree.
    await damageValue(b, root);
    expect(await verified(b, { repair: true })).toMatchObject({ ok: true, repaired: 1 });
    await b.start({ watch: false });
    running.push(b);
    await untilEqual([a, b]);
    expect(b.running.share.replica.root).toBe(root);
    await expectContents(a);
  });

  it('gets its tree and store back from the peer when the store is gone, and takes no rot for an edit', async () => {
    await stop(b);
    await flipBit(join(b.directory, 'd/large.bin'), 300_000);
    await rm(join(b.directory, '.shoal', 'store'), { recursive: true });
    const result = await verified(b, { repair: true });
    expect(result).toMatchObject({ ok: true, unrepaired: 0, files: { damaged: ['d/large.bin'] } });
    await b.start({ watch: false });
    running.push(b);
    await untilEqual([a, b]);
    await expectContents(a);
    await expectContents(b);
    expect(await readdir(join(a.directory, 'd'))).toEqual(['large.bin', 'other.txt']);
  });

  it('lists what nobody can give, when nobody can be reached, and repairs the rest', async () => {
    await rot(b.running.share, 'd/large.bin', 100);
    await rot(b.running.share, 'small.txt');
    await stop(a);
    await stop(b);
    await damagePacks(b);
    const result = await verified(b, { repair: true });
    expect(result.ok).toBe(false);
    expect(result.left.map(({ kind }) => kind)).toContain('file');
    expect(result.left.find(({ kind }) => kind === 'file')).toMatchObject({ name: 'd/large.bin' });
    expect(result.left.filter(({ kind }) => kind === 'chunk').length).toBeGreaterThan(0);
    expect(result.unrepaired).toBe(result.left.length);
    expect(await readFile(join(b.directory, 'small.txt'), 'utf8')).toBe('a few bytes');
  });
});
