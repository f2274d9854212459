/**
 * Shows that the real store and the one in memory keep the same promises, by running one suite over both.
 */
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import { type OpenStore, type RecordKind, Store, type Verdict } from '../../src/store/index.js';
import { MemoryStore } from '../support/memory-store.js';
import { sampleChunk, sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

async function openReal(): Promise<OpenStore> {
  return Store.open(join(await scratchDirectory(), 'store'));
}

const drivers: readonly (readonly [name: string, open: () => Promise<OpenStore>])[] = [
  ['LevelDB', openReal],
  ['memory', async () => new MemoryStore()],
];

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe.each(drivers)('the store in %s', (_name, openDriver) => {
  async function open(): Promise<OpenStore> {
    const store = await openDriver();
    onTestFinished(() => store.close());
    return store;
  }

  it('returns a chunk as it was put, queued or written', async () => {
    const { chunks } = await open();
    for (const chunk of sampleChunks(6)) {
      await chunks.put(chunk.id, chunk.encoded);
      expect(await chunks.has(chunk.id)).toBe(true);
      expect(await chunks.get(chunk.id)).toStrictEqual(chunk.plain);
    }
    await chunks.flush();
    for (const chunk of sampleChunks(6)) {
      expect(await chunks.get(chunk.id)).toStrictEqual(chunk.plain);
      expect(await chunks.getEncoded(chunk.id)).toStrictEqual(chunk.encoded);
    }
  });

  it('sees a chunk before its put has resolved', async () => {
    const { chunks } = await open();
    const chunk = sampleChunk(1);
    const put = chunks.put(chunk.id, chunk.encoded);
    expect(await chunks.hasMany([chunk.id, sampleChunk(2).id])).toEqual([true, false]);
    expect(await chunks.get(chunk.id)).toEqual(chunk.plain);
    await put;
  });

  it('knows nothing of a chunk that was not put', async () => {
    const { chunks } = await open();
    const { id } = sampleChunk(7);
    expect(await chunks.has(id)).toBe(false);
    expect(await chunks.get(id)).toBeUndefined();
    expect(await chunks.getEncoded(id)).toBeUndefined();
    expect(await chunks.hasMany([])).toEqual([]);
    expect(chunks.damagedIds()).toEqual([]);
  });

  it('keeps its own copy of what is put, and gives away copies', async () => {
    const { chunks } = await open();
    const chunk = sampleChunk(4);
    const lent = { ...chunk.encoded, bytes: Uint8Array.from(chunk.encoded.bytes) };
    const put = chunks.put(chunk.id, lent);
    lent.bytes.fill(0);
    (await chunks.get(chunk.id))?.fill(0);
    (await chunks.getEncoded(chunk.id))?.bytes.fill(0);
    await put;
    expect(await chunks.get(chunk.id)).toEqual(chunk.plain);
    await chunks.flush();
    expect(await chunks.get(chunk.id)).toEqual(chunk.plain);
  });

  it('counts each chunk once, whether its twin is queued or written', async () => {
    const { chunks } = await open();
    const samples = sampleChunks(5);
    for (let round = 0; round < 3; round++) {
      await Promise.all([...samples, ...samples].map((chunk) => chunks.put(chunk.id, chunk.encoded)));
      if (round > 0) await chunks.flush();
    }
    await chunks.sync();
    expect(await chunks.totals()).toEqual({
      chunks: 5,
      bytes: samples.reduce((sum, chunk) => sum + chunk.encoded.bytes.length + 10, 0),
      plainBytes: 5000,
    });
  });

  it('verifies every written chunk in the order of ids, with progress', async () => {
    const { chunks } = await open();
    const samples = sampleChunks(9);
    for (const chunk of samples) await chunks.put(chunk.id, chunk.encoded);
    await chunks.flush();
    const progress: number[] = [];
    const verdicts = await collect<Verdict>(
      chunks.verify({ onProgress: (done) => progress.push(done.chunks) }),
    );
    expect(verdicts).toEqual(
      samples.map(({ id }) => ({ id, ok: true })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
    expect(progress).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('verifies from an id on, which need not be there', async () => {
    const { chunks } = await open();
    const samples = sampleChunks(9);
    for (const chunk of samples) await chunks.put(chunk.id, chunk.encoded);
    await chunks.flush();
    const sorted = samples.map(({ id }) => id).sort();
    const idsFrom = async (from: ChunkId) =>
      (await collect<Verdict>(chunks.verify({ from }))).map(({ id }) => id);
    expect(await idsFrom(sorted[4] as ChunkId)).toEqual(sorted.slice(4));
    expect(await idsFrom('f'.repeat(64) as ChunkId)).toEqual([]);
  });

  it('ends when it is told that it is enough, with a verdict on all that it read', async () => {
    const { chunks } = await open();
    const samples = sampleChunks(9);
    for (const chunk of samples) await chunks.put(chunk.id, chunk.encoded);
    await chunks.flush();
    let read = 0;
    const onProgress = (progress: { chunks: number }): void => {
      read = progress.chunks;
    };
    const first = await collect<Verdict>(chunks.verify({ onProgress, isEnough: () => true }));
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBe(read);
    const rest = await collect<Verdict>(chunks.verify({ from: first.at(-1)?.id, isEnough: () => false }));
    expect([...first, ...rest.slice(1)].map(({ id }) => id)).toEqual(samples.map(({ id }) => id).sort());
  });

  it('stops verifying when its signal fires', async () => {
    const { chunks } = await open();
    for (const chunk of sampleChunks(3)) await chunks.put(chunk.id, chunk.encoded);
    await chunks.flush();
    const controller = new AbortController();
    const verifying = chunks.verify({ signal: controller.signal });
    expect((await verifying.next()).done).toBe(false);
    controller.abort();
    await expect(verifying.next()).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it.each([true, false])('keeps and deletes records (durable: %s)', async (durable) => {
    const store = await open();
    await store.commit(
      [
        { kind: 'head', key: 'a', value: bytes(1) },
        { kind: 'head', key: 'b', value: bytes(2, 2) },
        { kind: 'state', key: '', value: bytes() },
      ],
      { durable },
    );
    await store.commit(
      [
        { kind: 'head', key: 'a', delete: true },
        { kind: 'head', key: 'b', value: bytes(3) },
      ],
      { durable },
    );
    await store.commit([], { durable });
    expect(await store.getRecord('head', 'a')).toBeUndefined();
    expect(await store.getRecord('head', 'b')).toStrictEqual(bytes(3));
    expect(await store.getRecord('state', '')).toStrictEqual(bytes());
    expect(await store.getRecord('state', 'b')).toBeUndefined();
  });

  it('keeps records that come in columns as it keeps single ones', async () => {
    const store = await open();
    await store.commit(
      [
        { kind: 'stat', keys: ['a\0b', '', 'a'], values: bytes(1, 2, 3, 4, 5, 6) },
        { kind: 'stat', keys: [], values: bytes() },
        { kind: 'head', keys: ['ä'.repeat(40), 'h'], values: bytes() },
        { kind: 'stat', key: 'a', value: bytes(7) },
      ],
      { durable: true },
    );
    expect(await collect(store.records('stat'))).toEqual([
      ['', bytes(3, 4)],
      ['a', bytes(7)],
      ['a\0b', bytes(1, 2)],
    ]);
    expect(await store.getRecord('head', 'ä'.repeat(40))).toStrictEqual(bytes());
    expect(await store.getRecord('head', 'h')).toStrictEqual(bytes());
  });

  it('lists the records of one kind in the byte order of their keys', async () => {
    const store = await open();
    const keys = ['', 'a', 'a\0x', 'a-b', 'a/x', 'ab', 'ä', '\uffff', '😀'];
    const kinds: RecordKind[] = ['stat', 'state', 'root'];
    for (const kind of kinds) {
      await store.commit(
        [...keys].reverse().map((key) => ({ kind, key, value: bytes(kind.length) })),
        { durable: false },
      );
    }
    expect(await collect(store.records('stat'))).toEqual(keys.map((key) => [key, bytes(4)]));
    expect(await collect(store.records('stat', { from: 'a', below: 'b' }))).toEqual(
      keys.filter((key) => key >= 'a' && key < 'b').map((key) => [key, bytes(4)]),
    );
    expect(await collect(store.records('journal'))).toEqual([]);
  });

  it('takes commits in the order they were made, the last one of a key wins', async () => {
    const store = await open();
    const commits = [1, 2, 3, 4].map((n) =>
      store.commit([{ kind: 'root', key: 'r', value: bytes(n) }], { durable: n % 2 === 0 }),
    );
    await Promise.all(commits);
    expect(await store.getRecord('root', 'r')).toEqual(bytes(4));
  });

  it('refuses everything after it was closed', async () => {
    const store = await open();
    const { id, encoded } = sampleChunk(1);
    await store.chunks.put(id, encoded);
    await store.close();
    const refused = { code: 'CANCELLED' };
    await expect(store.chunks.put(id, encoded)).rejects.toMatchObject(refused);
    await expect(store.chunks.get(id)).rejects.toMatchObject(refused);
    await expect(store.chunks.has(id)).rejects.toMatchObject(refused);
    await expect(store.chunks.flush()).rejects.toMatchObject(refused);
    await expect(store.commit([], { durable: true })).rejects.toMatchObject(refused);
    await expect(store.getRecord('state', 'x')).rejects.toMatchObject(refused);
    await expect(collect(store.records('state'))).rejects.toMatchObject(refused);
  });
});
