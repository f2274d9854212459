/**
 * Shows what a collection keeps and frees of a share: states of the folder by their age, transfers that were broken off, what
 * a scan found before it began; and that it deletes nothing while it cannot read what it has to.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ChunkId, chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import { type Entry, parseRelPath, recipeParts, supersede } from '../../src/manifest/index.js';
import {
  type CollectOptions,
  type CollectProgress,
  type CollectResult,
  collect,
} from '../../src/share/collect.js';
import { type OpenShare, openShare } from '../../src/share/open-share.js';
import { deviceIdFromBytes, generateKeyPair, signHead } from '../../src/trust/index.js';
import { scratchDirectory } from './peer.js';
import { put, scanOf, shareOf } from './replica-at-rest.js';

const day = 24 * 60 * 60 * 1000;
const long = (): string => randomBytes(150_000).toString('hex');
let scratch: { path: string; remove: () => Promise<void> };
let share: OpenShare;

beforeEach(async () => {
  scratch = await scratchDirectory();
  share = await shareOf(join(scratch.path, 'share'), { 'a.txt': long(), 'b/c.txt': 'short' });
  await share.replica.signHead();
});
afterEach(async () => {
  await share.close();
  await scratch.remove();
});

/** Takes in what the folder holds, as `sync` does. @returns the root */
async function snapshot(): Promise<ChunkId> {
  await scanOf(share);
  await share.replica.signHead();
  return share.replica.root;
}

const write = (path: string, content: string): Promise<void> => put(share.layout.root, path, content);
/** @param days - how much later it is */
const collectAfter = (days: number, options: Partial<CollectOptions> = {}): Promise<CollectResult> =>
  collect(share, { keepMs: 30 * day, now: () => Date.now() + days * day, ...options });

/** Chunks under `root` that are not there. */
async function missing(root: ChunkId): Promise<ChunkId[]> {
  const { replica, store } = share;
  const ids: ChunkId[] = [];
  for await (const entry of replica.tree.entries(root)) {
    if (entry.kind !== 'file') continue;
    for await (const { id } of recipeParts(replica.nodes, entry.recipe))
      if ((await store.chunks.get(id)) === undefined) ids.push(id);
  }
  return ids;
}

describe('a collection of a share', () => {
  it('keeps a state of the folder for as long as it is told, then frees it', async () => {
    const first = share.replica.root;
    await write('a.txt', long());
    const second = await snapshot();
    const young = await collectAfter(0.5);
    expect(young).toMatchObject({ ok: true, roots: { kept: 2, dropped: 0 } });
    expect(await missing(first)).toEqual([]);
    const old = await collectAfter(31);
    expect(old).toMatchObject({ ok: true, roots: { kept: 1, dropped: 1 }, packs: { removed: 1 } });
    expect(old.freed.bytes).toBeGreaterThan(100_000);
    expect(old.store.bytesAfter).toBeLessThan(old.store.bytesBefore - 100_000);
    expect(await share.replica.nodes.get(first)).toBeUndefined();
    expect(await missing(second)).toEqual([]);
    expect((await collectAfter(31)).freed.chunks).toBe(0);
    for await (const { ok } of share.store.chunks.verify()) expect(ok).toBe(true);
  });

  it('keeps what `init` took in, though no head was signed over it', async () => {
    await share.close();
    share = await shareOf(join(scratch.path, 'other'), { 'a.txt': long() });
    const first = share.replica.root;
    await write('a.txt', long());
    await snapshot();
    expect((await collectAfter(0.5)).roots.kept).toBe(2);
    expect(await missing(first)).toEqual([]);
  });

  it('thins the states between, and keeps those that are retained whole', async () => {
    for (let count = 0; count < 5; count++) {
      await write('a.txt', long());
      await snapshot();
    }
    const result = await collectAfter(3); // all of one hour or two
    expect(result.roots.kept).toBeLessThanOrEqual(2);
    for await (const { root } of share.replica.history.roots()) expect(await missing(root)).toEqual([]);
  });

  it('frees what a deleted file took', async () => {
    await rm(join(share.layout.root, 'a.txt'));
    await snapshot();
    const { freed } = await collectAfter(31);
    expect(freed.bytes).toBeGreaterThan(100_000);
  });

  it('keeps what came of a transfer that was broken off, and does without the rest', async () => {
    const { replica, store } = share;
    const chunk = randomBytes(20_000);
    const [id, absent] = [chunkIdOf(chunk), chunkIdOf(randomBytes(10))];
    await store.chunks.put(id, encodeChunk(chunk));
    const garbage = randomBytes(20_000);
    await store.chunks.put(chunkIdOf(garbage), encodeChunk(garbage));
    const recipe = { depth: 0, parts: [id, absent].map((part) => ({ id: part, length: 20_000 })) };
    const content = { kind: 'file', executable: false, size: 40_000, recipe } as const;
    const entry = supersede(undefined, parseRelPath('theirs'), content, {
      actor: '00000000000000aa',
      counter: 1,
      mtimeNs: 5n,
    });
    const root = await replica.tree.apply(replica.root, [entry]);
    await keepHead(root);
    await collectAfter(0);
    expect(await store.chunks.has(id)).toBe(true);
    expect(await replica.nodes.get(root)).toBeDefined();
    expect(await store.chunks.has(chunkIdOf(garbage))).toBe(false);
    await keepHead(chunkIdOf(randomBytes(9))); // of which nothing is here
    expect((await collectAfter(0)).ok).toBe(true);
  });

  it('deletes nothing when a node that it has to read is not there', async () => {
    const first = share.replica.root;
    await write('a.txt', long());
    await snapshot();
    const collection = share.store.beginCollection();
    for await (const { id } of share.store.chunks.verify()) if (id !== first) collection.keep(id);
    await collection.sweep();
    collection.end();
    const before = await share.store.chunks.totals();
    const result = await collectAfter(0.5);
    expect(result).toMatchObject({ ok: false, unreadable: first, freed: { chunks: 0, bytes: 0 } });
    expect(await share.store.chunks.totals()).toEqual(before);
    expect((await collectAfter(31)).ok).toBe(true); // the state that needs it is dropped
  });

  it('ends at a damaged record of the history, which keeps nobody from working', async () => {
    const key = '0000000000000001-0000000000000001';
    await share.store.commit([{ kind: 'root', key, value: Uint8Array.of(9) }], { durable: true });
    const before = await share.store.chunks.totals();
    await expect(collectAfter(31)).rejects.toMatchObject({ code: 'STORE_DAMAGED', data: { key } });
    expect(await share.store.chunks.totals()).toEqual(before);
    const { layout } = share;
    await share.close();
    share = await openShare(layout, { now: Date.now });
    await write('a.txt', long());
    expect(await missing(await snapshot())).toEqual([]);
  });

  it('waits for a scan that had begun, and keeps what it found', async () => {
    const content = randomBytes(30_000);
    const id = chunkIdOf(content);
    await share.store.chunks.put(id, encodeChunk(content)); // nobody needs it yet
    let end = (): void => undefined;
    const found = await share.store.chunks.has(id);
    const work = share.replica.activity.run(async () => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      await share.replica.exclusive(() => share.replica.commit({ entries: [fileOf(id)] }));
    });
    const phases: string[] = [];
    let begun = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const onProgress = ({ phase }: CollectProgress): void => {
      phases.push(phase);
      begun();
    };
    const collecting = collectAfter(0, { onProgress });
    await waiting;
    expect(phases).toEqual(['waiting']);
    end();
    await Promise.all([work, collecting]);
    expect(found).toBe(true);
    expect(await share.store.chunks.get(id)).toEqual(new Uint8Array(content));
  });

  it('ends when it is told to while it waits', async () => {
    const controller = new AbortController();
    let end = (): void => undefined;
    const work = share.replica.activity.run(
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    );
    const collecting = collectAfter(0, { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(collecting).rejects.toThrow('aborted');
    end();
    await work;
    expect((await collectAfter(0)).ok).toBe(true);
  });

  it('runs beside scans of a folder that changes, and loses nothing', async () => {
    const contents = Array.from({ length: 8 }, long);
    for (let round = 0; round < 6; round++) {
      // Contents come back that were deleted before: their chunks are garbage, or are being deleted, when they are found.
      await write('a.txt', contents[round % 3] ?? '');
      await write(`d/${round}`, contents[(round * 5) % 8] ?? '');
      const scanning = snapshot();
      const collecting = collectAfter(0, { keepMs: 1 });
      const root = await scanning;
      expect((await collecting).ok).toBe(true);
      expect(await missing(root)).toEqual([]);
    }
  });
});

/** A head of another member that names `root`. */
async function keepHead(root: ChunkId): Promise<void> {
  const { replica, store } = share;
  const keys = generateKeyPair();
  const device = deviceIdFromBytes(keys.publicKey);
  const fields = { share: replica.share, device, actor: replica.state.actor, sequence: 1, root, time: 1 };
  const { bytes } = signHead(keys.privateKey, fields);
  await store.commit([{ kind: 'head', key: device, value: bytes }], { durable: true });
}

function fileOf(id: ChunkId): Entry {
  const recipe = { depth: 0, parts: [{ id, length: 30_000 }] };
  const content = { kind: 'file', executable: false, size: 30_000, recipe } as const;
  return supersede(undefined, parseRelPath('new'), content, share.replica.nextWrite(7n));
}
