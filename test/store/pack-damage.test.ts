/**
 * Shows that no wrong byte is served whatever happens to the packs, that it is a damaged chunk and never an error, and
 * that a later put heals it. The damage is done to the files behind the store's back, seeded by fast-check.
 */
import {
  copyFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import { packedBytesMin } from '../../src/store/chunk-value.js';
import { Store } from '../../src/store/index.js';
import { chunkKey, packStateKey } from '../../src/store/key.js';
import { packHeaderBytes, recordHeaderBytes } from '../../src/store/pack-record.js';
import { editRaw } from './raw-database.js';
import { type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

/** More of them on request: each is a store made, damaged and read, about 10 ms. */
const fileDamageRuns = Number(process.env.SHOAL_TEST_RUNS ?? 50);
const chunkBytes = 6000;
const recordBytes = recordHeaderBytes + chunkBytes;
/** Chunks that do not compress, so that all of them lie in packs and all records are of one length. */
const samples = [1, 4, 7, 10, 13].map((seed) => sampleChunk(seed, chunkBytes));
const ids = samples.map(({ id }) => id);
const [first, second, third, , last] = samples as [
  SampleChunk,
  SampleChunk,
  SampleChunk,
  SampleChunk,
  SampleChunk,
];
const sizeBytes = packHeaderBytes + samples.length * recordBytes;

async function putAll(store: Store, chunks: readonly SampleChunk[]): Promise<void> {
  for (const { id, encoded } of chunks) await store.chunks.put(id, encoded);
  await store.chunks.flush();
}

/** A closed store with all samples in its first pack, one after another. */
async function makeStore(): Promise<string> {
  const directory = join(await scratchDirectory(), 'store');
  const store = await Store.open(directory);
  await putAll(store, samples);
  await store.close();
  return directory;
}

async function openStore(directory: string, reported: ChunkId[] = []): Promise<Store> {
  const store = await Store.open(directory, { onDamage: (id) => reported.push(id) });
  onTestFinished(() => store.close());
  return store;
}

function packOf(directory: string, number = 1): string {
  return join(directory, 'packs', `0000000${number}.pack`);
}

async function change(path: string, edit: (content: Buffer) => Uint8Array): Promise<void> {
  await writeFile(path, edit(await readFile(path)));
}

/** Where in the pack the record of the sample number `index` begins. */
function recordAt(index: number): number {
  return packHeaderBytes + index * recordBytes;
}

function flip(at: number): (content: Buffer) => Uint8Array {
  return (content) => content.fill((content[at] ?? 0) ^ 1, at, at + 1);
}

async function badIds(store: Store): Promise<ChunkId[]> {
  const bad: ChunkId[] = [];
  for await (const { id, ok } of store.chunks.verify()) if (!ok) bad.push(id);
  return bad.sort();
}

/** Compares as buffers: `toEqual` goes through thousands of elements one by one. */
function same(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

async function expectServed(store: Store, chunks: readonly SampleChunk[]): Promise<void> {
  for (const { id, plain, encoded } of chunks) {
    expect(same(await store.chunks.get(id), plain), id).toBe(true);
    const served = await store.chunks.getEncoded(id);
    expect([served?.codec, served?.plainLength]).toEqual([encoded.codec, encoded.plainLength]);
    expect(same(served?.bytes, encoded.bytes), id).toBe(true);
  }
}

it('replaces a damaged chunk also when the new one is read while it is on its way', async () => {
  const directory = await makeStore();
  await change(packOf(directory), flip(recordAt(1) + recordHeaderBytes + 99));
  const store = await openStore(directory);
  expect(await store.chunks.get(second.id)).toBeUndefined();
  const putting = store.chunks.put(second.id, second.encoded);
  expect(same(await store.chunks.get(second.id), second.plain)).toBe(true);
  await putting;
  await store.close();
  const reopened = await openStore(directory);
  await expectServed(reopened, samples);
  expect(await badIds(reopened)).toEqual([]);
});

it('keeps larger chunks in a pack that only its owner reads, small ones in the database', async () => {
  const directory = await makeStore();
  const store = await openStore(directory);
  await putAll(store, [sampleChunk(16, packedBytesMin - 1)]);
  await expectServed(store, [...samples, sampleChunk(16, packedBytesMin - 1)]);
  expect(await readdir(join(directory, 'packs'))).toEqual(['00000001.pack']);
  expect((await stat(packOf(directory))).mode & 0o777).toBe(0o600);
  expect((await stat(packOf(directory))).size).toBe(sizeBytes);
  await putAll(store, [sampleChunk(19, packedBytesMin)]);
  await expectServed(store, [sampleChunk(19, packedBytesMin)]);
  expect((await stat(packOf(directory))).size).toBe(sizeBytes + recordHeaderBytes + packedBytesMin);
  expect(await store.chunks.totals()).toEqual({
    chunks: 7,
    bytes: 5 * recordBytes + packedBytesMin - 1 + 10 + packedBytesMin + recordHeaderBytes,
    plainBytes: 5 * chunkBytes + packedBytesMin - 1 + packedBytesMin,
  });
});

it("gives away bytes of the caller's own", async () => {
  const store = await openStore(await makeStore());
  (await store.chunks.get(first.id))?.fill(0);
  (await store.chunks.getEncoded(first.id))?.bytes.fill(0);
  await expectServed(store, [first]);
});

const all = ids;
const damages: readonly (readonly [
  name: string,
  damage: (directory: string) => Promise<void>,
  bad: readonly ChunkId[],
])[] = [
  [
    'the content of a chunk has a flipped bit',
    (d) => change(packOf(d), flip(recordAt(1) + 3000)),
    [second.id],
  ],
  ['the header of a record has a flipped bit', (d) => change(packOf(d), flip(recordAt(1) + 20)), [second.id]],
  [
    'two records have changed places',
    (d) =>
      change(packOf(d), (content) => {
        const [one, other] = [0, 2].map((index) =>
          Buffer.from(content.subarray(recordAt(index), recordAt(index + 1))),
        );
        content.set(other ?? [], recordAt(0));
        content.set(one ?? [], recordAt(2));
        return content;
      }),
    [first.id, third.id],
  ],
  ['the last record has lost a byte', (d) => truncate(packOf(d), sizeBytes - 1), [last.id]],
  ['the pack ends in the middle', (d) => truncate(packOf(d), recordAt(3) + 10), ids.slice(3)],
  ['the pack is empty', (d) => truncate(packOf(d)), all],
  ['the pack is gone', (d) => rm(packOf(d)), all],
  ['all packs are gone', (d) => rm(join(d, 'packs'), { recursive: true }), all],
  ['the pack is full of zeros', (d) => change(packOf(d), (content) => content.fill(0)), all],
];

it.each(damages)('reports, does not serve and heals chunks when %s', async (_case, damage, bad) => {
  const directory = await makeStore();
  await damage(directory);
  const reported: ChunkId[] = [];
  const store = await openStore(directory, reported);
  const totals = await store.chunks.totals();

  expect(await badIds(store)).toEqual([...bad].sort());
  expect([...reported].sort()).toEqual([...bad].sort());
  for (const id of bad) expect(await store.chunks.get(id)).toBeUndefined();
  expect(await store.chunks.hasMany(ids)).toEqual(ids.map((id) => !bad.includes(id)));
  await expectServed(
    store,
    samples.filter(({ id }) => !bad.includes(id)),
  );

  await putAll(store, samples);
  await expectServed(store, samples);
  expect(await badIds(store)).toEqual([]);
  expect(store.chunks.damagedIds()).toEqual([]);
  expect(await store.chunks.totals()).toEqual(totals);
  await store.close();
  await expectServed(await openStore(directory), samples);
});

it('replaces chunks whose pack has lost its end, which nobody has noticed', async () => {
  const directory = await makeStore();
  await truncate(packOf(directory), recordAt(2));
  const store = await openStore(directory);
  await putAll(store, samples);
  await expectServed(store, samples);
  const again = await stat(packOf(directory, 2));
  expect(again.size).toBe(packHeaderBytes + 3 * recordBytes);
});

it('does not take what a later pack holds for chunks that an earlier one has lost', async () => {
  const directory = await makeStore();
  await truncate(packOf(directory), recordAt(1));
  const others = [16, 19, 22, 25].map((seed) => sampleChunk(seed, chunkBytes));
  const store = await openStore(directory);
  await putAll(store, others); // would fill the gap, were the pack continued
  await putAll(store, samples);
  await expectServed(store, [...samples, ...others]);
});

it.each([
  [
    'goes on behind a torn batch',
    async (d: string) => writeFile(packOf(d), Buffer.alloc(100, 0xff), { flag: 'a' }),
    1,
  ],
  [
    'begins a new pack when the header of the last is damaged',
    async (d: string) => change(packOf(d), flip(15)),
    2,
  ],
  [
    'begins a new pack when the last was not recorded',
    async (d: string) => editRaw(d, (raw) => raw.del(packStateKey)),
    2,
  ],
  [
    'begins a new pack when the record is damaged',
    async (d: string) => editRaw(d, (raw) => raw.put(packStateKey, Uint8Array.of(1))),
    2,
  ],
  ['never writes to a pack that it did not make', async (d: string) => copyFile(packOf(d), packOf(d, 2)), 3],
  ['pays no attention to other files', async (d: string) => writeFile(join(d, 'packs', 'note'), ''), 1],
])('%s', async (_case, damage, pack) => {
  const directory = await makeStore();
  await damage(directory);
  const others = await readFile(packOf(directory, Math.max(1, pack - 1)));
  const store = await openStore(directory);
  const added = sampleChunk(16, chunkBytes);
  await putAll(store, [added]);
  await expectServed(store, [...samples, added]);
  const content = await readFile(packOf(directory, pack));
  expect(content.subarray(-chunkBytes).equals(added.plain)).toBe(true);
  if (pack > 1) expect(others.equals(await readFile(packOf(directory, pack - 1)))).toBe(true);
});

it('serves what a pack holds although it was away for a while', async () => {
  const directory = await makeStore();
  const store = await openStore(directory);
  await rename(packOf(directory), join(directory, 'kept'));
  expect(await store.chunks.get(first.id)).toBeUndefined();
  expect(await store.chunks.has(first.id)).toBe(false);
  await rename(join(directory, 'kept'), packOf(directory));
  await expectServed(store, [first]);
  expect(await store.chunks.has(first.id)).toBe(true);
});

it('tells a pack that cannot be read at this moment from one that is damaged', async () => {
  const directory = await makeStore();
  const store = await openStore(directory);
  await rm(packOf(directory));
  await mkdir(packOf(directory));
  await expect(store.chunks.get(first.id)).rejects.toMatchObject({
    code: 'STORE_FAILED',
    data: { systemCode: 'EISDIR' },
  });
  expect(store.chunks.damagedIds()).toEqual([]);
});

it('does not serve a location that points to the record of another chunk', async () => {
  const directory = await makeStore();
  await editRaw(directory, async (raw) => {
    const value = await raw.get(chunkKey(second.id));
    if (value !== undefined) await raw.put(chunkKey(first.id), value);
  });
  const store = await openStore(directory);
  expect(await badIds(store)).toEqual([first.id]);
});

it('serves no wrong byte after flipped bits or a cut anywhere in a pack, and heals by puts', {
  timeout: 600_000,
}, async () => {
  const place = fc.record({
    at: fc.nat(sizeBytes - 1),
    bit: fc.option(fc.nat(7), { nil: undefined }), // undefined: the pack is cut there
  });
  const damaged = fc.asyncProperty(fc.array(place, { minLength: 1, maxLength: 4 }), async (places) => {
    const directory = await makeStore();
    for (const { at, bit } of places) {
      const file = await open(packOf(directory), 'r+');
      try {
        const { size } = await file.stat();
        const [byte] = (await file.read(Buffer.alloc(1), 0, 1, at)).buffer;
        if (bit === undefined) await file.truncate(Math.min(at, size));
        else if (at < size) await file.write(Uint8Array.of((byte ?? 0) ^ (1 << bit)), 0, 1, at);
      } finally {
        await file.close();
      }
    }
    const store = await Store.open(directory);
    try {
      const bad = await badIds(store);
      for (const { id, plain } of samples) {
        expect(same(await store.chunks.get(id), plain), id).toBe(!bad.includes(id));
      }
      await putAll(store, samples);
      await expectServed(store, samples);
    } finally {
      await store.close();
    }
  });
  await fc.assert(damaged, { numRuns: fileDamageRuns });
});
