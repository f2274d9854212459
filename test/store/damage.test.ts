/**
 * Shows that no wrong byte is served whatever happens to the stored values, that `verify` reports each damaged chunk,
 * and that a later put heals it. The damage is done to the values behind the store's back, seeded by fast-check.
 */
import { open, readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import { isShoalError } from '../../src/error.js';
import { Store } from '../../src/store/index.js';
import { chunkKey, recordKey, totalsKey } from '../../src/store/key.js';
import { editRaw, type RawDatabase } from './raw-database.js';
import { sampleChunk, sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

/** More of them on request: each is a store made, damaged and read, about 20 ms. */
const fileDamageRuns = Number(process.env.SHOAL_TEST_RUNS ?? 100);
const chunkCount = 12;
const samples = sampleChunks(chunkCount);

async function makeStore(): Promise<string> {
  const directory = join(await scratchDirectory(), 'store');
  const store = await Store.open(directory);
  for (const chunk of samples) await store.chunks.put(chunk.id, chunk.encoded);
  await store.commit(
    ['a', 'b', 'c'].map((key) => ({ kind: 'head', key, value: new TextEncoder().encode(`head of ${key}`) })),
    { durable: true },
  );
  await store.close();
  return directory;
}

async function openStore(directory: string, reported: ChunkId[] = []): Promise<Store> {
  const store = await Store.open(directory, { onDamage: (id) => reported.push(id) });
  onTestFinished(() => store.close());
  return store;
}

async function rawValue(raw: RawDatabase, key: Uint8Array): Promise<Uint8Array> {
  const value = await raw.get(key);
  if (value === undefined) throw new Error('the raw value is missing');
  return Uint8Array.from(value);
}

function idOf(seed: number): ChunkId {
  return sampleChunk(seed).id;
}

/** The ids that `verify` finds damaged, sorted. */
async function badIds(store: Store): Promise<ChunkId[]> {
  const bad: ChunkId[] = [];
  for await (const { id, ok } of store.chunks.verify()) if (!ok) bad.push(id);
  return bad.sort();
}

const damageOne: readonly (readonly [name: string, change: (value: Uint8Array) => Uint8Array])[] = [
  ['a flipped bit in the content', (value) => value.with(30, (value[30] ?? 0) ^ 1)],
  ['a flipped bit in the checksum', (value) => value.with(2, (value[2] ?? 0) ^ 0x80)],
  ['another seal version', (value) => value.with(0, 2)],
  ['another codec', (value) => value.with(5, 1)],
  ['a cut tail', (value) => value.subarray(0, value.length - 1)],
  ['a cut header', (value) => value.subarray(0, 7)],
  ['nothing left', (value) => value.subarray(0, 0)],
  ['bytes added', (value) => Uint8Array.from([...value, 0])],
];

it.each(damageOne)(
  'never serves a chunk with %s, reports it once and heals it by a put',
  async (_name, change) => {
    const directory = await makeStore();
    const { id, plain, encoded } = sampleChunk(4);
    await editRaw(directory, async (raw) => raw.put(chunkKey(id), change(await rawValue(raw, chunkKey(id)))));
    const reported: ChunkId[] = [];
    const store = await openStore(directory, reported);
    const totals = await store.chunks.totals();

    expect(await badIds(store)).toEqual([id]);
    expect(await store.chunks.get(id)).toBeUndefined();
    expect(await store.chunks.getEncoded(id)).toBeUndefined();
    expect(await store.chunks.hasMany([id, idOf(5)])).toEqual([false, true]);
    expect(store.chunks.damagedIds()).toEqual([id]);
    expect(reported).toEqual([id]);

    await store.chunks.put(id, encoded);
    expect(await store.chunks.has(id)).toBe(true);
    await store.chunks.flush();
    expect(await store.chunks.get(id)).toEqual(plain);
    expect(store.chunks.damagedIds()).toEqual([]);
    expect(await badIds(store)).toEqual([]);
    expect(await store.chunks.totals()).toEqual(totals);
  },
);

it('heals a damaged chunk that nobody has noticed, because a put checks what it takes for a duplicate', async () => {
  const directory = await makeStore();
  const { id, plain, encoded } = sampleChunk(4);
  await editRaw(directory, async (raw) =>
    raw.put(chunkKey(id), (await rawValue(raw, chunkKey(id))).with(40, 77)),
  );
  const store = await openStore(directory);
  await store.chunks.put(id, encoded);
  await store.chunks.flush();
  expect(await store.chunks.get(id)).toEqual(plain);
});

it('notices two chunks that changed places, and two records that did', async () => {
  const directory = await makeStore();
  const headKeys = [recordKey('head', 'a'), recordKey('head', 'b')] as const;
  await editRaw(directory, async (raw) => {
    for (const [one, other] of [[chunkKey(idOf(1)), chunkKey(idOf(2))], headKeys] as const) {
      const [oneValue, otherValue] = [await rawValue(raw, one), await rawValue(raw, other)];
      await raw.put(one, otherValue);
      await raw.put(other, oneValue);
    }
  });
  const store = await openStore(directory);
  expect(await badIds(store)).toEqual([idOf(1), idOf(2)].sort());
  const damaged = {
    code: 'STORE_DAMAGED',
    data: { kind: 'head', key: 'a' },
    message: expect.stringContaining('shoal verify --repair'),
  };
  await expect(store.getRecord('head', 'a')).rejects.toMatchObject(damaged);
  await expect(store.records('head').next()).rejects.toMatchObject(damaged);
  const skipped: string[] = [];
  const intact: string[] = [];
  for await (const [key] of store.records('head', { onDamage: (key) => skipped.push(key) })) intact.push(key);
  expect([skipped, intact]).toEqual([['a', 'b'], ['c']]);
});

it('does not serve bytes that were put under an id that is not theirs', async () => {
  const store = await openStore(await makeStore());
  const wrongId = idOf(chunkCount + 1);
  await store.chunks.put(wrongId, sampleChunk(2).encoded);
  expect(await store.chunks.get(wrongId)).toBeUndefined();
  await store.chunks.flush();
  expect(await store.chunks.get(wrongId)).toBeUndefined();
  expect(await badIds(store)).toEqual([wrongId]);
});

it('names a key that is no id, after all the others were verified', async () => {
  const directory = await makeStore();
  await editRaw(directory, async (raw) => raw.put(Uint8Array.of(0x63, 1, 2), Uint8Array.of(1)));
  const store = await openStore(directory);
  const seen: ChunkId[] = [];
  const verifying = (async () => {
    for await (const { id } of store.chunks.verify()) seen.push(id);
  })();
  await expect(verifying).rejects.toMatchObject({ code: 'STORE_DAMAGED', data: { count: 1 } });
  expect(seen).toHaveLength(chunkCount);
});

it.each([
  ['damaged', async (raw: RawDatabase) => raw.put(totalsKey, Uint8Array.of(1, 2, 3))],
  ['missing', async (raw: RawDatabase) => raw.del(totalsKey)],
])('counts the chunks when the totals are %s', async (_case, damage) => {
  const directory = await makeStore();
  await editRaw(directory, damage);
  const store = await openStore(directory);
  const bytes = samples.reduce((sum, chunk) => sum + chunk.encoded.bytes.length + 10, 0);
  expect(await store.chunks.totals()).toEqual({ chunks: chunkCount, bytes, plainBytes: chunkCount * 1000 });
});

it('puts wrong totals right when a whole verify found nothing damaged', async () => {
  const directory = await makeStore();
  const { id } = sampleChunk(3);
  await editRaw(directory, async (raw) => raw.del(chunkKey(id)));
  const store = await openStore(directory);
  expect((await store.chunks.totals()).chunks).toBe(chunkCount);
  expect(await badIds(store)).toEqual([]);
  expect((await store.chunks.totals()).chunks).toBe(chunkCount - 1);
});

/** What the store does with files that were damaged: it refuses to open, or serves right bytes only. */
async function expectNoWrongByte(directory: string): Promise<void> {
  let store: Store;
  try {
    store = await Store.open(directory);
  } catch (error) {
    expect(
      isShoalError(error, 'STORE_UNOPENABLE') || isShoalError(error, 'STORE_FAILED'),
      String(error),
    ).toBe(true);
    return;
  }
  try {
    for (const { id, plain } of samples) {
      const served = await store.chunks.get(id);
      if (served !== undefined) expect(served).toEqual(plain);
    }
    for (const key of ['a', 'b', 'c']) {
      const served = await store.getRecord('head', key).catch((error: unknown) => {
        expect(isShoalError(error, 'STORE_DAMAGED'), String(error)).toBe(true);
        return undefined;
      });
      if (served !== undefined) expect(new TextDecoder().decode(served)).toBe(`head of ${key}`);
    }
  } finally {
    await store.close();
  }
}

it('serves no wrong byte after a flipped bit or a cut anywhere in its files', {
  timeout: 600_000,
}, async () => {
  const place = fc.record({
    file: fc.nat(),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    bit: fc.option(fc.nat(7), { nil: undefined }), // undefined: the file is cut there
  });
  const damaged = fc.asyncProperty(fc.boolean(), place, async (inTable, { file, at, bit }) => {
    const directory = await makeStore();
    if (inTable) await (await Store.open(directory)).close(); // turns the log into a table
    const names = (await readdir(directory)).filter((name) => /^(?:\d|MANIFEST|CURRENT)/.test(name)).sort();
    const path = join(directory, names[file % names.length] ?? '');
    const handle = await open(path, 'r+');
    try {
      const { size } = await handle.stat();
      const position = Math.floor(at * size);
      const [byte] = (await handle.read(Buffer.alloc(1), 0, 1, position)).buffer;
      if (bit === undefined) await truncate(path, position);
      else if (size > 0) await handle.write(Uint8Array.of((byte ?? 0) ^ (1 << bit)), 0, 1, position);
    } finally {
      await handle.close();
    }
    await expectNoWrongByte(directory);
  });
  await fc.assert(damaged, { numRuns: fileDamageRuns });
});
