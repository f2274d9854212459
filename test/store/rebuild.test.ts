/**
 * Shows that an index that was lost or damaged is made again from the packs and what is left of the old one, that no
 * pack is changed and no old file lost, and that a rebuild may be interrupted at any step. Stores are damaged behind
 * their backs.
 */
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { chunkIdOf } from '../../src/chunking/index.js';
import { type RebuildResult, rebuildStore, Store } from '../../src/store/index.js';
import { encodeRecord, packHeaderBytes, recordHeaderBytes } from '../../src/store/pack-record.js';
import { editRaw } from './raw-database.js';
import { type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const chunkBytes = 5000;
const recordBytes = recordHeaderBytes + chunkBytes;
/** Three records fill a pack. */
const packBytesMax = packHeaderBytes + 3 * recordBytes;
/** Packs 1 and 2 are finished, pack 3 holds one record. */
const packed = [1, 4, 7, 10, 13, 16, 19].map((seed) => sampleChunk(seed, chunkBytes));
const inline = [2, 5, 8].map((seed) => sampleChunk(seed, 300));
const samples = [...packed, ...inline];
const head = Uint8Array.of(7, 7, 7);

/** A closed store with packs, inline chunks and records, all in a table; the same each time but for the store's id. */
async function makeStore(): Promise<string> {
  const directory = join(await scratchDirectory(), 'store');
  const store = await Store.open(directory, { packBytesMax });
  for (const { id, encoded } of samples) {
    await store.chunks.put(id, encoded);
    await store.chunks.flush();
  }
  const kinds = ['head', 'ticket', 'stat', 'state'] as const;
  await store.commit(
    kinds.map((kind) => ({ kind, key: 'a', value: head })),
    { durable: true },
  );
  await store.close();
  await (await Store.open(directory)).close(); // turns the log into a table
  return directory;
}

const rebuild = (directory: string): Promise<RebuildResult> =>
  rebuildStore(directory, { quarantine: join(directory, '..', 'quarantine') });

const packOf = (directory: string, number: number): string =>
  join(directory, 'packs', `0000000${number}.pack`);

async function change(path: string, edit: (content: Buffer) => Uint8Array): Promise<void> {
  await writeFile(path, edit(await readFile(path)));
}

async function files(directory: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(directory)).filter((name) => pattern.test(name)).map((name) => join(directory, name));
}

async function openStore(directory: string): Promise<Store> {
  const store = await Store.open(directory, { packBytesMax });
  onTestFinished(() => store.close());
  return store;
}

async function expectAll(store: Store, chunks: readonly SampleChunk[] = samples): Promise<void> {
  for (const { id, plain } of chunks) {
    const served = await store.chunks.get(id);
    expect(served !== undefined && Buffer.compare(served, plain) === 0, id).toBe(true);
  }
  for await (const { id, ok } of store.chunks.verify()) expect(ok, id).toBe(true);
  expect((await store.chunks.totals()).chunks).toBe(chunks.length);
  for await (const damage of store.chunks.checkPacks()) expect(damage).toBeUndefined();
}

it('carries over a database that is whole, and keeps the old one', async () => {
  const directory = await makeStore();
  const totals = await (async () => {
    const store = await Store.open(directory);
    return store.chunks.totals().finally(() => store.close());
  })();
  const steps: number[] = [];
  const result = await rebuildStore(directory, {
    quarantine: join(directory, '..', 'quarantine'),
    onProgress: ({ packs }) => steps.push(packs),
  });
  expect(result).toEqual({
    packs: 3,
    chunks: samples.length,
    records: 4,
    findings: { salvaged: 'whole', gaps: 0, unreadable: [] },
    quarantined: join(directory, '..', 'quarantine', 'index-1'),
  });
  expect(steps.at(-1)).toBe(3);
  const store = await openStore(directory);
  await expectAll(store);
  expect(await store.chunks.totals()).toEqual(totals);
  for (const kind of ['head', 'ticket', 'stat', 'state'] as const)
    expect(await store.getRecord(kind, 'a')).toEqual(head);
  expect(await readdir(result.quarantined ?? '')).toContain('CURRENT');
  expect((await readdir(directory)).filter((name) => name.startsWith('index'))).toEqual([]);
});

it('finds what packs hold when the whole database is gone', async () => {
  const directory = await makeStore();
  const packs = await readFile(packOf(directory, 1));
  for (const path of await files(directory, /^(?!packs$)/)) await rm(path);
  await expect(Store.open(directory)).rejects.toMatchObject({ code: 'STORE_UNOPENABLE' });
  expect(await rebuild(directory)).toMatchObject({ packs: 3, chunks: 7, records: 0 });
  const store = await openStore(directory);
  await expectAll(store, packed);
  expect(packs.equals(await readFile(packOf(directory, 1)))).toBe(true);
  const added = sampleChunk(40, chunkBytes);
  await store.chunks.put(added.id, added.encoded);
  await store.chunks.flush();
  await expectAll(store, [...packed, added]);
});

it.each([
  ['CURRENT is gone', async (d: string) => rm(join(d, 'CURRENT'))],
  ['CURRENT is garbage', async (d: string) => writeFile(join(d, 'CURRENT'), 'MANIFEST-9')],
  ['the manifest is gone', async (d: string) => rm((await files(d, /^MANIFEST/))[0] ?? '')],
  [
    'the manifest is garbage',
    async (d: string) => change((await files(d, /^MANIFEST/))[0] ?? '', (content) => content.fill(9)),
  ],
])('saves records and small chunks when %s, but no tickets and stats', async (_case, damage) => {
  const directory = await makeStore();
  await damage(directory);
  const result = await rebuild(directory);
  expect(result).toMatchObject({ chunks: samples.length, findings: { salvaged: 'repaired' } });
  const store = await openStore(directory);
  await expectAll(store);
  for (const kind of ['head', 'state'] as const) expect(await store.getRecord(kind, 'a')).toEqual(head);
  for (const kind of ['ticket', 'stat'] as const) expect(await store.getRecord(kind, 'a')).toBeUndefined();
});

it('takes over no value of the old database that is not intact', async () => {
  const directory = await makeStore();
  await editRaw(directory, async (raw) => {
    const entries = await raw.iterator().all();
    for (const [key, value] of entries) await raw.put(key, value.with(value.length - 1, 0xee));
  });
  expect(await rebuild(directory)).toMatchObject({ chunks: packed.length, records: 0 });
  await expectAll(await openStore(directory), packed);
});

it.each([
  ['its footer is damaged', (content: Buffer) => content.fill(0, content.length - 20), [], 1],
  ['it was cut off in its footer', (content: Buffer) => content.subarray(0, -30), [], 1],
  [
    'it was cut off in its last record',
    (content: Buffer) => content.subarray(0, packBytesMax - 10),
    [packed[2]],
    1,
  ],
  [
    'its header and first record are damaged',
    (content: Buffer) => content.fill(0, 0, packHeaderBytes + 20),
    // its footer was made for another header
    [packed[0]],
    2,
  ],
  [
    'a length in the middle is damaged, and the footer is gone',
    (content: Buffer) =>
      content.subarray(0, packBytesMax).fill(0xff, packHeaderBytes + recordBytes + 5, 5100),
    [packed[1]],
    1,
  ],
])('reads a pack record by record when %s', async (_case, damage, lost, gaps) => {
  const directory = await makeStore();
  await change(packOf(directory, 1), (content) => damage(content));
  const result = await rebuild(directory);
  expect(result.findings).toEqual({ salvaged: 'whole', gaps, unreadable: [] });
  await expectAll(
    await openStore(directory),
    samples.filter((sample) => !lost.includes(sample)),
  );
});

it('does not believe content that looks like a record of another chunk', async () => {
  const [victim, carrier] = [sampleChunk(100, chunkBytes), sampleChunk(103, 20_000)] as const;
  const forged = encodeRecord(victim.id, { ...victim.encoded, bytes: victim.encoded.bytes.map(() => 1) });
  const directory = join(await scratchDirectory(), 'store');
  const store = await Store.open(directory);
  await store.chunks.put(victim.id, victim.encoded);
  const bytes = Uint8Array.from(carrier.plain);
  bytes.set(forged, 1000);
  const id = chunkIdOf(bytes);
  await store.chunks.put(id, { codec: 'raw', plainLength: bytes.length, bytes });
  await store.close();
  await change(packOf(directory, 1), (content) =>
    content.fill(0, packHeaderBytes + recordBytes, packHeaderBytes + recordBytes + 4),
  );
  await rebuild(directory);
  const again = await openStore(directory);
  expect(Buffer.from((await again.chunks.get(victim.id)) ?? []).equals(victim.plain)).toBe(true);
});

it('leaves a pack alone that cannot be read', async () => {
  const directory = await makeStore();
  await rm(packOf(directory, 2));
  await mkdir(packOf(directory, 2));
  await expect(rebuild(directory)).rejects.toMatchObject({ code: 'STORE_FAILED' });
  await rm(packOf(directory, 2), { recursive: true });
  expect(await rebuild(directory)).toMatchObject({ packs: 2, chunks: samples.length - 3 });
});

it('is refused while the store is open, and changes nothing then', async () => {
  const directory = await makeStore();
  const store = await openStore(directory);
  await expect(rebuild(directory)).rejects.toMatchObject({ code: 'SHARE_BUSY' });
  await expectAll(store);
});

it('changes nothing when it is cancelled', async () => {
  const directory = await makeStore();
  const quarantine = join(directory, '..', 'quarantine');
  const cancelled = rebuildStore(directory, { quarantine, signal: AbortSignal.abort() });
  await expect(cancelled).rejects.toMatchObject({ code: 'CANCELLED' });
  await expectAll(await openStore(directory));
});

/** Names that the files of a store have while a rebuild is at each of its steps. */
it.each([
  ['while the new index is made', 'index.new', 0],
  ['when the new index is ready', 'index.ready', 0],
  ['when CURRENT has been moved away', 'index.ready', 1],
  ['when all old files have been moved away', 'index.ready', 100],
  ['when the new files begin to come', 'index.moving', 100],
])('goes on after a crash %s', async (_case, name, movedAway) => {
  const directory = await makeStore();
  const twin = join(directory, '..', 'twin');
  await cp(directory, twin, { recursive: true });
  await rebuild(twin);
  await mkdir(join(directory, name));
  for (const path of await files(twin, /^(?!packs$)/)) {
    const from = join(directory, name, path.slice(twin.length + 1));
    await rename(path, from);
  }
  if (name === 'index.new') await truncate(join(directory, name, 'CURRENT'));
  const old = await files(directory, /^(?:CURRENT|MANIFEST.*|.*\.ldb|.*\.log)$/);
  for (const path of old.sort().slice(0, movedAway)) await rm(path);
  if (name !== 'index.new')
    await expect(Store.open(directory)).rejects.toMatchObject({ code: 'STORE_UNOPENABLE' });
  const result = await rebuild(directory);
  expect(result).toMatchObject({ packs: 3, chunks: samples.length, records: 4 });
  expect(result.findings === undefined).toBe(name !== 'index.new');
  await expectAll(await openStore(directory));
});

it('goes on after a crash while the new files come, and once more when nothing is left to do', async () => {
  const directory = await makeStore();
  await mkdir(join(directory, 'index.moving'));
  await rename(join(directory, 'CURRENT'), join(directory, 'index.moving', 'CURRENT'));
  const first = await rebuild(directory);
  expect(first).toMatchObject({ chunks: samples.length, findings: undefined });
  expect(await rebuild(directory)).toMatchObject({ chunks: samples.length, records: 4 });
  await expectAll(await openStore(directory));
});
