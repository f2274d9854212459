/**
 * Shows that a collection frees what is not kept and loses nothing that is: against a model over random histories, with the
 * power cut at every operation in turn, beside writers, on damage and without room. Over a database and packs in memory
 * whose unsynced writes can be lost (volatile-disk.ts); two tests at the end use real files.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ChunkId } from '../../src/chunking/index.js';
import { unsealChunk } from '../../src/store/chunk-value.js';
import { Store, type Swept } from '../../src/store/index.js';
import { chunkKey } from '../../src/store/key.js';
import type { PackLocation } from '../../src/store/pack-location.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { bundledSample, packBytesMax, sampleOf } from './collect-sample.js';
import { giveTogether, type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';
import { copiesOf, Power, PowerCut, VolatileDatabase, VolatilePacks } from './volatile-disk.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_260_301);
class Disk {
  readonly power = new Power();
  readonly database = new VolatileDatabase(this.power);
  readonly packs = new VolatilePacks(this.power, packBytesMax);
  readonly damaged: ChunkId[] = [];

  open(): Promise<Store> {
    return Store.over(this, { onDamage: (id) => this.damaged.push(id) });
  }

  async locationOf(id: ChunkId): Promise<PackLocation> {
    const key = chunkKey(id);
    const value = await this.database.get(key);
    const stored = value === undefined ? undefined : unsealChunk(key, value);
    if (stored?.kind !== 'packed') throw new Error(`${id} is not in a pack`);
    return stored.location;
  }
}

async function putAll(store: Store, numbers: Iterable<number>): Promise<void> {
  for (const number of numbers) {
    const { id, encoded } = sampleOf(number);
    await store.chunks.put(id, encoded);
    if (number % 4 === 3) await store.chunks.flush(); // one batch goes to one pack
  }
  await store.chunks.sync();
}

/** As `putAll`, in bundles or runs of up to six. */
async function putTogether(store: Store, samples: readonly SampleChunk[]): Promise<void> {
  for (let at = 0; at < samples.length; at += 6) {
    await giveTogether(store.chunks, samples.slice(at, at + 6));
    if (at % 24 === 18) await store.chunks.flush(); // one batch goes to one pack
  }
  await store.chunks.sync();
}

async function collect(store: Store, live: Iterable<number>): Promise<Swept> {
  const collection = store.beginCollection();
  try {
    for (const number of live) collection.keep(sampleOf(number).id);
    return await collection.sweep();
  } finally {
    collection.end();
  }
}

async function readable(store: Store, numbers: Iterable<number>): Promise<number[]> {
  const found: number[] = [];
  for (const number of numbers) {
    const { id, plain } = sampleOf(number);
    const bytes = await store.chunks.get(id);
    if (bytes === undefined) continue;
    expect(Buffer.compare(bytes, plain)).toBe(0);
    found.push(number);
  }
  return found;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

describe('a collection', () => {
  it('frees what is not kept, in values and packs, and keeps the totals right', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 200));
    const before = disk.packs.bytes;
    const live = range(0, 200).filter((number) => number % 5 === 0);
    const swept = await collect(store, live);
    expect(swept.deleted.chunks).toBe(160);
    expect(swept.packsRemoved).toBeGreaterThan(5);
    expect(await readable(store, range(0, 200))).toEqual(live);
    expect(disk.packs.bytes).toBeLessThan(before / 4);
    const totals = await store.chunks.totals();
    expect(totals.chunks).toBe(40);
    for await (const { ok } of store.chunks.verify()) expect(ok).toBe(true);
    expect(await store.chunks.totals()).toEqual(totals);
    expect(disk.damaged).toEqual([]);
  });

  it.each([
    ['bundles, alone or in new ones', bundledSample, ['bundle', 'zstd']],
    ['runs, each by itself', (number: number) => sampleChunk(3 * number + 1, 6000), ['raw']],
  ])('takes what lives on out of %s', async (_, sample, codecs) => {
    const disk = new Disk();
    const store = await disk.open();
    const numbers = range(0, 120);
    await putTogether(store, numbers.map(sample));
    const before = disk.packs.bytes;
    // Of six all, three, one and none live on.
    const live = numbers.filter((number) => number % 24 < 9 || number % 24 === 13).map(sample);
    const collection = store.beginCollection();
    for (const { id } of live) collection.keep(id);
    const swept = await collection.sweep();
    collection.end();
    expect(swept.deleted.chunks).toBe(numbers.length - live.length);
    expect(swept).toMatchObject({ packsDamaged: 0, packsWithoutRoom: 0, unreadable: 0 });
    expect(swept.packsRemoved).toBeGreaterThan(2);
    expect(disk.packs.bytes).toBeLessThan(0.7 * before);
    const totals = await store.chunks.totals();
    for (const { id, plain } of live) expect(await store.chunks.get(id)).toStrictEqual(plain);
    for await (const { ok } of store.chunks.verify()) expect(ok).toBe(true);
    expect(await store.chunks.totals()).toEqual(totals);
    const locations = await Promise.all(live.map(({ id }) => disk.locationOf(id)));
    expect(new Set(locations.map(({ codec }) => codec))).toEqual(new Set(codecs));
  });

  it('leaves packs alone that are mostly live', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 200));
    const live = range(0, 200).filter((number) => number % 10 !== 1);
    const swept = await collect(store, live);
    expect(swept).toMatchObject({ packsRemoved: 0, bytesMoved: 0, deleted: { chunks: 20 } });
    expect(await readable(store, range(0, 200))).toEqual(live);
  });

  it('has nothing to do the second time', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 100));
    await collect(store, range(0, 30));
    const again = await collect(store, range(0, 30));
    expect(again).toMatchObject({ packsRemoved: 0, bytesMoved: 0, deleted: { chunks: 0 } });
  });

  it(`follows a model through random histories (seed ${seed}, set by SHOAL_SEED)`, async () => {
    const choice = new SeededChoice(seed);
    const disk = new Disk();
    let store = await disk.open();
    /** What is in the store, and what of it is needed. */
    const stored = new Set<number>();
    let needed = new Set<number>();
    for (let round = 0; round < 60; round++) {
      const added = Array.from({ length: choice.below(30) }, () => choice.below(400));
      await putAll(store, added);
      for (const number of added) stored.add(number);
      needed = new Set([...needed, ...added].filter(() => choice.below(10) > 0));
      if (choice.below(2) === 0) {
        await collect(store, needed);
        for (const number of stored) if (!needed.has(number)) stored.delete(number);
      }
      if (choice.below(5) === 0) {
        await store.close();
        store = await disk.open();
      }
      expect(await readable(store, range(0, 400))).toEqual([...stored].sort((a, b) => a - b));
    }
    const { bytes } = await store.chunks.totals();
    await collect(store, needed);
    expect(disk.packs.bytes).toBeLessThan(bytes * 1.5 + packBytesMax);
    expect(disk.damaged).toEqual([]);
  });
});

describe('a power cut', () => {
  it(`at any operation loses nothing, and the next collection finishes (seed ${seed})`, async () => {
    const choice = new SeededChoice(seed + 1);
    const live = range(0, 150).filter((number) => number % 7 < 3);
    const prepared = async (): Promise<{ disk: Disk; store: Store }> => {
      const disk = new Disk();
      const store = await disk.open();
      await putAll(store, range(0, 150));
      return { disk, store };
    };
    const whole = await prepared();
    const first = whole.disk.power.count;
    await collect(whole.store, live);
    const operations = whole.disk.power.count - first;
    expect(operations).toBeGreaterThan(20);
    for (let operation = 0; operation < operations; operation++) {
      for (let attempt = 0; attempt < 2; attempt++) {
        const { disk, store } = await prepared();
        disk.power.operationsLeft = operation;
        await expect(collect(store, live)).rejects.toBeInstanceOf(PowerCut);
        disk.power.operationsLeft = Number.POSITIVE_INFINITY;
        disk.database.cut((limit) => choice.below(limit));
        disk.packs.cut((limit) => choice.below(limit));
        const again = await disk.open();
        expect(await readable(again, live), `cut at ${operation} of ${operations}`).toEqual(live);
        const there = await again.chunks.hasMany(range(0, 150).map((number) => sampleOf(number).id));
        const found = await readable(again, range(0, 150));
        expect(range(0, 150).filter((number) => there[number])).toEqual(found);
        await collect(again, live);
        expect(await readable(again, range(0, 150))).toEqual(live);
        expect(disk.packs.bytes).toBeLessThan(whole.disk.packs.bytes * 1.4 + packBytesMax);
        expect(disk.damaged).toEqual([]);
      }
    }
  });
});

describe('beside others', () => {
  it(`keeps whatever was put, read or asked for meanwhile (seed ${seed})`, async () => {
    const choice = new SeededChoice(seed + 2);
    for (let round = 0; round < 40; round++) {
      const disk = new Disk();
      const store = await disk.open();
      await putAll(store, range(0, 120));
      const relied = new Set<number>();
      /** As ingest and pull do: what is not there is put, what is there is relied on. */
      const rely = async (number: number): Promise<void> => {
        const { id, encoded } = sampleOf(number);
        const isThere = choice.below(2) === 0 ? await store.chunks.has(id) : await store.chunks.get(id);
        relied.add(number);
        if (isThere === false || isThere === undefined) await store.chunks.put(id, encoded);
      };
      let ended = false;
      const collecting = collect(store, range(0, 20)).finally(() => {
        ended = true;
      });
      for (let step = 0; step < 400 && !ended; step++) {
        await rely(choice.below(150));
        for (let pause = choice.below(30); pause > 0; pause--) await Promise.resolve();
      }
      await collecting;
      const expected = [...new Set([...range(0, 20), ...relied])].sort((a, b) => a - b);
      expect(await readable(store, expected)).toEqual(expected);
      expect(disk.damaged).toEqual([]);
    }
  });

  it('does not take a chunk for damaged that goes while everything is verified', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 50));
    const read = disk.packs.read.bind(disk.packs);
    let reads = 0;
    disk.packs.read = async (place, length) => {
      reads += 1;
      if (reads === 5) await collect(store, []);
      return read(place, length);
    };
    const verdicts: boolean[] = [];
    for await (const { ok } of store.chunks.verify()) verdicts.push(ok);
    expect(verdicts).not.toContain(false);
    expect(verdicts.length).toBeLessThan(50);
    expect(disk.damaged).toEqual([]);
  });

  it('says that a chunk is not there while it is being deleted, so that it is put again', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 8));
    const { id, encoded, plain } = sampleOf(3);
    const found: boolean[] = [];
    const write = disk.database.write.bind(disk.database);
    let putting: Promise<void> | undefined;
    disk.database.write = async (borrowed, options) => {
      const operations = copiesOf(borrowed);
      if (operations.some(({ type }) => type === 'del') && putting === undefined) {
        found.push(await store.chunks.has(id), (await store.chunks.get(id)) !== undefined);
        putting = store.chunks.put(id, encoded);
        found.push(await store.chunks.has(id));
      }
      return write(operations, options);
    };
    await collect(store, []);
    await putting;
    await store.chunks.flush();
    expect(found).toEqual([false, false, true]);
    expect(await store.chunks.get(id)).toEqual(plain);
  });
});

describe('trouble', () => {
  it('keeps a damaged record and its pack, reports it, and frees the rest', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 100));
    const { id, encoded } = sampleOf(33);
    const location = await disk.locationOf(id);
    disk.packs.damage(location);
    const live = range(0, 100).filter((number) => number % 11 === 0);
    const swept = await collect(store, live);
    expect(swept).toMatchObject({ packsDamaged: 1, deleted: { chunks: 90 } });
    expect(swept.packsRemoved).toBeGreaterThan(1);
    expect(disk.damaged).toEqual([id]);
    expect(await disk.packs.numbers()).toContain(location.pack);
    expect(await readable(store, live)).toEqual(live.filter((number) => number !== 33));
    await store.chunks.put(id, encoded); // healed: now the pack can go
    await collect(store, live);
    expect(await disk.packs.numbers()).not.toContain(location.pack);
    expect(await readable(store, live)).toEqual(live);
  });

  it('removes no pack while a value of the index is damaged: its record may lie in any', async () => {
    const disk = new Disk();
    await putAll(await disk.open(), range(0, 100));
    const store = await disk.open(); // another start: it does not remember where the chunk lies
    const key = chunkKey(sampleOf(33).id);
    await disk.database.write([{ type: 'put', key, value: Uint8Array.of(1, 2, 3) }], { sync: true });
    const before = await disk.packs.numbers();
    const swept = await collect(store, [33, 44]);
    expect(swept).toMatchObject({ unreadable: 1, packsRemoved: 0, deleted: { chunks: 98 } });
    expect(await disk.packs.numbers()).toEqual(before);
    expect(disk.damaged).toEqual([sampleOf(33).id]);
  });

  it('frees what needs no copy on a full disk, and says what waits', async () => {
    const disk = new Disk();
    const store = await disk.open();
    await putAll(store, range(0, 100));
    disk.packs.free = 1000;
    const first = await disk.packs.numbers();
    const swept = await collect(store, range(60, 64));
    expect(swept.packsWithoutRoom).toBeGreaterThan(0);
    expect(swept.packsRemoved).toBe(first.length - swept.packsWithoutRoom);
    expect(await readable(store, range(0, 100))).toEqual(range(60, 64));
  });
});

describe('in real files', () => {
  it('removes packs, and everything is there after another start', async () => {
    const directory = join(await scratchDirectory(), 'store');
    let store = await Store.open(directory);
    await putAll(store, range(0, 300));
    const live = range(0, 300).filter((number) => number % 9 === 0);
    const swept = await collect(store, live);
    expect(swept.packsRemoved).toBe(1);
    expect(await readdir(join(directory, 'packs'))).toEqual(['00000002.pack']);
    for await (const damage of store.chunks.checkPacks()) expect(damage).toBeUndefined();
    expect(await readable(store, range(0, 300))).toEqual(live);
    await store.close();
    store = await Store.open(directory);
    expect(await readable(store, range(0, 300))).toEqual(live);
    await putAll(store, range(0, 10));
    expect(await readable(store, range(0, 10))).toEqual(range(0, 10));
    for await (const damage of store.chunks.checkPacks()) expect(damage).toBeUndefined();
    await store.close();
  });

  it('reads a chunk while its pack is removed', async () => {
    const directory = join(await scratchDirectory(), 'store');
    const damaged: ChunkId[] = [];
    const store = await Store.open(directory, { onDamage: (id) => damaged.push(id) });
    await putAll(store, range(0, 200));
    const live = range(1, 40).filter((number) => number % 4 !== 0);
    let ended = false;
    const collecting = collect(store, live).finally(() => {
      ended = true;
    });
    while (!ended) expect(await readable(store, live)).toEqual(live);
    expect((await collecting).packsRemoved).toBe(1);
    expect(damaged).toEqual([]);
    await store.close();
  });
});
