/**
 * Shows what becomes a bundle or a run, that each chunk of one is read as it was given, and that nothing damaged or made up
 * is believed: by properties over what is given, and by bits flipped anywhere in a record.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chunkBytesMax, chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import { bundleBytesMax } from '../../src/store/bundle.js';
import { groupChunksMax, sharesOf } from '../../src/store/chunk-table.js';
import { directBlockBytes, wholeBlocks } from '../../src/store/direct-io.js';
import { pendingRecord } from '../../src/store/framed-record.js';
import { type FramedRecord, rebuildStore, recordRoomBytes, Store } from '../../src/store/index.js';
import { groupIn, groupInRecord, intactRecordIn, recordHeaderBytes } from '../../src/store/pack-record.js';
import { giveTogether, recordsOf, type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

/** Bytes that shrink, by about half. */
function shrinking(seed: number, length: number): SampleChunk {
  const plain = sampleChunk(3 * seed + 1, length).plain.map((byte) => byte & 15);
  return { id: chunkIdOf(plain), plain, encoded: encodeChunk(plain) };
}

/** How `samples` are divided into records, as codec and count. */
function shapesOf(samples: readonly SampleChunk[], gapAfter?: number): string[] {
  return recordsOf(samples, gapAfter).records.map(({ codec, chunks }) => `${codec} ${chunks.length}`);
}

async function openStore(directory?: string): Promise<Store> {
  const store = await Store.open(directory ?? join(await scratchDirectory(), 'store'));
  onTestFinished(() => store.close());
  return store;
}

describe('records', () => {
  const range = (count: number, make: (index: number) => SampleChunk): SampleChunk[] =>
    Array.from({ length: count }, (_, index) => make(index));

  it('are bundles of neighbours that shrink', () => {
    expect(shapesOf(range(5, (index) => shrinking(index, 2000)))).toEqual(['bundle 5']);
    expect(shapesOf(range(1, (index) => shrinking(index, 2000)))).toEqual(['zstd 1']);
    expect(shapesOf([])).toEqual([]);
  });

  it('end where something lies between', () => {
    expect(
      shapesOf(
        range(5, (index) => shrinking(index, 2000)),
        1,
      ),
    ).toEqual(['bundle 2', 'bundle 3']);
  });

  it('are bounded in bytes and in chunks', () => {
    const large = bundleBytesMax / 4;
    expect(shapesOf(range(6, (index) => shrinking(index, large)))).toEqual(['bundle 4', 'bundle 2']);
    const many = shapesOf(range(groupChunksMax + 3, (index) => shrinking(index, 300)));
    expect(many).toEqual([`bundle ${groupChunksMax}`, 'bundle 3']);
  });

  const random = (length: number) => (index: number) => sampleChunk(3 * index + 1, length);

  it('are runs of neighbours that do not shrink, long or short', () => {
    expect(shapesOf(range(3, random(40_000)))).toEqual(['run 3']);
    expect(shapesOf(range(3, random(900)))).toEqual(['run 3']);
    expect(shapesOf(range(5, random(900)), 2)).toEqual(['run 3', 'run 2']);
    expect(shapesOf(range(1, random(40_000)))).toEqual(['raw 1']);
    expect(shapesOf(range(groupChunksMax + 3, random(300)))).toEqual([`run ${groupChunksMax}`, 'run 3']);
    expect(shapesOf(range(70, random(chunkBytesMax)))).toEqual(['run 42', 'run 28']);
  });

  it('are both where both come', () => {
    const mixed = [...range(2, random(40_000)), ...range(3, (index) => shrinking(index, 2000))];
    expect(shapesOf([...mixed, sampleChunk(301, 2000)])).toEqual(['run 2', 'bundle 4']);
    expect(shapesOf([shrinking(1, 40_000), shrinking(2, 40_000), ...range(2, random(90_000))])).toEqual([
      'bundle 4',
    ]);
  });

  it('are a little less of a bundle where what shrinks follows a long row that does not', () => {
    for (const row of [1, 15, 16, 33, 100, 300]) {
      const samples = [...range(row, random(20_000)), ...range(40, (index) => shrinking(index, 20_000))];
      const run = recordsOf(samples)
        .records.filter(({ codec }) => codec === 'run' || codec === 'raw')
        .reduce((sum, { chunks }) => sum + chunks.length, 0);
      expect(run - row, `after ${row}`).toBeGreaterThanOrEqual(0);
      expect(run - row, `after ${row}`).toBeLessThanOrEqual(row / 16);
    }
  });

  it('leave a run of all chunks where it is', () => {
    const samples = range(4, random(40_000));
    const { memory, records } = recordsOf(samples);
    const { bytes } = records[0] as FramedRecord;
    const plain = Buffer.concat(samples.map((sample) => sample.plain));
    const chunksAt = recordRoomBytes(samples.length);
    const [start, end] = [bytes.byteOffset - recordHeaderBytes, bytes.byteOffset + bytes.length];
    expect(end).toBe(chunksAt + plain.length);
    // Whole blocks are written.
    expect(memory.subarray(start - (start % directBlockBytes), start).every((byte) => byte === 0)).toBe(true);
    expect(memory.subarray(end, wholeBlocks(end)).every((byte) => byte === 0)).toBe(true);
    expect(Buffer.compare(memory.subarray(chunksAt, chunksAt + plain.length), plain)).toBe(0);
  });
});

it('gives each chunk back as it was given: queued, written, after a start, after a rebuild', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({ seed: fc.nat(40), length: fc.integer({ min: 4, max: 30_000 }), shrinks: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 30,
        },
      ),
      async (shapes) => {
        const all = shapes.map(({ seed, length, shrinks }) =>
          shrinks ? shrinking(seed, length) : sampleChunk(seed, length),
        );
        const samples = [...new Map(all.map((sample) => [sample.id, sample])).values()];
        const directory = join(await scratchDirectory(), 'store');
        let store = await Store.open(directory, { directBytesMin: 1 });
        const expectAll = async (): Promise<void> => {
          for (const { id, plain } of samples) {
            expect(Buffer.compare((await store.chunks.get(id)) ?? plain.subarray(1), plain)).toBe(0);
            const encoded = await store.chunks.getEncoded(id);
            expect(encoded?.plainLength).toBe(plain.length);
          }
        };
        await giveTogether(store.chunks, samples);
        await expectAll();
        await store.chunks.flush();
        await expectAll();
        await giveTogether(store.chunks, samples.toReversed()); // all of them duplicates
        await store.chunks.flush();
        const totals = await store.chunks.totals();
        expect(totals).toMatchObject({
          chunks: samples.length,
          plainBytes: samples.reduce((sum, { plain }) => sum + plain.length, 0),
        });
        await store.close();
        store = await Store.open(directory, { directBytesMin: 1 });
        await expectAll();
        await store.close();
        const rebuilt = await rebuildStore(directory, { quarantine: join(directory, '..', 'quarantine') });
        expect(rebuilt.findings?.gaps).toBe(0);
        store = await Store.open(directory, { directBytesMin: 1 });
        await expectAll();
        for await (const { ok } of store.chunks.verify()) expect(ok).toBe(true);
        await store.close();
      },
    ),
    { numRuns: 15 },
  );
});

it('puts in the database only what is lacking of a bundle', async () => {
  const store = await openStore();
  const samples = Array.from({ length: 4 }, (_, index) => shrinking(index, 3000));
  const [first] = samples as [SampleChunk];
  await store.chunks.put(first.id, first.encoded);
  await store.chunks.flush();
  const before = await store.chunks.totals();
  await giveTogether(store.chunks, samples);
  await store.chunks.flush();
  const totals = await store.chunks.totals();
  expect(totals.chunks).toBe(4);
  expect((await store.chunks.getEncoded(first.id))?.bytes).toStrictEqual(first.encoded.bytes);
  for await (const { ok } of store.chunks.verify()) expect(ok).toBe(true);
  expect(await store.chunks.totals()).toEqual(totals);
  expect(totals.bytes).toBeGreaterThan(before.bytes);
});

it('shares out a record to the last byte', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 98_304 }), { minLength: 1, maxLength: groupChunksMax });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 50, max: 280_000 }), (plain, record) => {
      const shares = sharesOf(plain, record);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(record);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
    }),
  );
});

describe.each([
  ['bundle', shrinking],
  ['run', (seed: number, length: number): SampleChunk => sampleChunk(3 * seed + 1, length)],
] as const)('a damaged %s', (codec, sample) => {
  it('is none, or gives no wrong chunk that is not found out', () => {
    const samples = Array.from({ length: 5 }, (_, index) => sample(index, 700));
    const [given] = recordsOf(samples).records;
    const { bytes, written } = pendingRecord(given as FramedRecord);
    const record = Uint8Array.from(written);
    expect(given?.codec).toBe(codec);
    expect(intactRecordIn(record)?.codec).toBe(codec);
    expect(groupInRecord(record)?.members).toEqual(given?.chunks);
    for (let bit = 0; bit < record.length * 8; bit += 3) {
      const flipped = record.with(bit >> 3, (record[bit >> 3] as number) ^ (1 << (bit & 7)));
      expect(intactRecordIn(flipped)).toBeUndefined();
      const bundle = groupInRecord(flipped);
      for (const { id } of samples) {
        const chunk = bundle?.chunk(id);
        // Whoever reads a chunk hashes it. What is left to show is that nothing worse happens than a wrong hash.
        if (chunk !== undefined) expect(chunk.length).toBeGreaterThan(0);
      }
    }
    for (let length = 0; length < record.length; length += 11) {
      expect(groupInRecord(record.subarray(0, length))).toBeUndefined();
      expect(intactRecordIn(record.subarray(0, length))).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length += 11)
      expect(groupIn(codec, bytes.subarray(0, length))).toBeUndefined();
  });

  it('is said of each chunk in it, and heals chunk by chunk', async () => {
    const directory = join(await scratchDirectory(), 'store');
    const samples = Array.from({ length: 6 }, (_, index) => sample(index, 5000));
    let store = await openStore(directory);
    await giveTogether(store.chunks, samples);
    await store.close();
    const pack = join(directory, 'packs', '00000001.pack');
    const bytes = await readFile(pack);
    bytes[bytes.length - 300] = (bytes.at(-300) as number) ^ 4;
    await writeFile(pack, bytes);
    store = await openStore(directory);
    const damaged = new Set<string>();
    for await (const { id, ok } of store.chunks.verify()) if (!ok) damaged.add(id);
    expect(damaged.size).toBeGreaterThan(0);
    for (const { id, plain, encoded } of samples) {
      const read = await store.chunks.get(id);
      expect(read === undefined).toBe(damaged.has(id));
      if (read !== undefined) expect(read).toStrictEqual(plain);
      else await store.chunks.put(id, encoded);
    }
    await store.chunks.flush();
    for (const { id, plain } of samples) expect(await store.chunks.get(id)).toStrictEqual(plain);
    for await (const { ok } of store.chunks.verify()) expect(ok).toBe(true);
    expect(store.chunks.damagedIds()).toEqual([]);
  });
});
