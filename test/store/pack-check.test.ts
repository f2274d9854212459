/**
 * Shows what becomes of finished packs: they get a footer that lists every record, `checkPacks` names each pack that is
 * not as it was written and why, and a crash at any point of finishing a pack is noticed by nobody. Damage is done to
 * the files behind the store's back, crash points are made by cutting what a crash would have left away.
 */
import { copyFile, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FilePacks } from '../../src/store/file-packs.js';
import { type PackDamage, Store } from '../../src/store/index.js';
import { packKey, packStateKey } from '../../src/store/key.js';
import { decodeTrailer, entriesOf, matchesTrailer, trailerBytes } from '../../src/store/pack-footer.js';
import {
  encodeRecord,
  packHeaderBytes,
  packHeaderIn,
  recordHeaderBytes,
} from '../../src/store/pack-record.js';
import { sealPackState, unsealPackState } from '../../src/store/pack-state.js';
import { editRaw, type RawDatabase } from './raw-database.js';
import { type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const chunkBytes = 5000;
const recordBytes = recordHeaderBytes + chunkBytes;
/** Three records fill a pack. */
const packBytesMax = packHeaderBytes + 3 * recordBytes;
/** Chunks that do not compress: packs 1 and 2 are finished, pack 3 holds one record. */
const samples = [1, 4, 7, 10, 13, 16, 19].map((seed) => sampleChunk(seed, chunkBytes));

async function openStore(directory: string): Promise<Store> {
  const store = await Store.open(directory, { packBytesMax });
  onTestFinished(() => store.close());
  return store;
}

/** Puts `chunks`, a batch each. */
async function putEach(store: Store, chunks: readonly SampleChunk[]): Promise<void> {
  for (const { id, encoded } of chunks) {
    await store.chunks.put(id, encoded);
    await store.chunks.flush();
  }
}

/** A closed store of `chunks`. */
async function makeStore(chunks: readonly SampleChunk[] = samples): Promise<string> {
  const directory = join(await scratchDirectory(), 'store');
  const store = await Store.open(directory, { packBytesMax });
  await putEach(store, chunks);
  await store.close();
  return directory;
}

const packOf = (directory: string, number: number): string =>
  join(directory, 'packs', `0000000${number}.pack`);

async function damagesIn(store: Store): Promise<PackDamage[]> {
  const damages: PackDamage[] = [];
  for await (const damage of store.chunks.checkPacks()) damages.push(damage);
  return damages;
}

async function expectAll(store: Store, chunks: readonly SampleChunk[]): Promise<void> {
  for (const { id, plain } of chunks) {
    const served = await store.chunks.get(id);
    expect(served !== undefined && Buffer.compare(served, plain) === 0, id).toBe(true);
  }
}

/** Ids in the table of the footer that a pack ends with, in the order of their records; undefined if there is none. */
async function tableOf(path: string): Promise<string[] | undefined> {
  const content = await readFile(path);
  const trailer = decodeTrailer(content.subarray(-trailerBytes), content.length);
  if (trailer === undefined) return undefined;
  const footer = content.subarray(trailer.footerAt, trailer.footerAt + trailer.footerBytes);
  expect(matchesTrailer(trailer, content.subarray(0, packHeaderBytes), footer)).toBe(true);
  return [...entriesOf(trailer, footer)].map(({ id }) => id);
}

const idsOf = (chunks: readonly SampleChunk[]): string[] => chunks.map(({ id }) => id);

/** @param at - counted from the end if it is negative */
async function flip(path: string, at: number): Promise<void> {
  const content = await readFile(path);
  const place = at < 0 ? content.length + at : at;
  content[place] = (content[place] ?? 0) ^ 1;
  await writeFile(path, content);
}

it('lists every record of a finished pack in its footer, and leaves the active one open', async () => {
  const directory = await makeStore();
  expect(await tableOf(packOf(directory, 1))).toEqual(idsOf(samples.slice(0, 3)));
  expect(await tableOf(packOf(directory, 2))).toEqual(idsOf(samples.slice(3, 6)));
  expect(await tableOf(packOf(directory, 3))).toBeUndefined();
  expect(await damagesIn(await openStore(directory))).toEqual([]);
});

it('lists what earlier processes wrote to the pack as well, past what a crash left', async () => {
  const directory = await makeStore(samples.slice(0, 1));
  await writeFile(packOf(directory, 1), Buffer.from('ShRc, of which the rest was lost'), { flag: 'a' });
  const again = await Store.open(directory, { packBytesMax });
  await putEach(again, samples.slice(1, 2));
  await again.close();
  const store = await openStore(directory);
  await putEach(store, samples.slice(2, 4));
  expect(await tableOf(packOf(directory, 1))).toEqual(idsOf(samples.slice(0, 2)));
  expect(await damagesIn(store)).toEqual([]);
  await expectAll(store, samples.slice(0, 4));
});

const damages: readonly (readonly [string, (d: string) => Promise<void>, readonly PackDamage[]])[] = [
  ['is gone', (d) => rm(packOf(d, 1)), [{ pack: 1, problem: 'missing' }]],
  ['has lost a byte', (d) => truncate(packOf(d, 1), packBytesMax), [{ pack: 1, problem: 'truncated' }]],
  ['is empty', (d) => truncate(packOf(d, 1)), [{ pack: 1, problem: 'truncated' }]],
  ['has a flipped bit in its header', (d) => flip(packOf(d, 1), 14), [{ pack: 1, problem: 'header' }]],
  ['has a flipped bit in its footer', (d) => flip(packOf(d, 1), -100), [{ pack: 1, problem: 'footer' }]],
  ['has a flipped bit in its trailer', (d) => flip(packOf(d, 1), -20), [{ pack: 1, problem: 'footer' }]],
  [
    'has grown',
    (d) => writeFile(packOf(d, 1), Buffer.alloc(9), { flag: 'a' }),
    [{ pack: 1, problem: 'stale' }],
  ],
  ['is a copy of another', (d) => copyFile(packOf(d, 2), packOf(d, 1)), [{ pack: 1, problem: 'swapped' }]],
  [
    'has changed places with another',
    async (d) => {
      await rename(packOf(d, 1), join(d, 'kept'));
      await rename(packOf(d, 2), packOf(d, 1));
      await rename(join(d, 'kept'), packOf(d, 2));
    },
    [
      { pack: 1, problem: 'swapped' },
      { pack: 2, problem: 'swapped' },
    ],
  ],
  [
    'is one of another store',
    async (d) => copyFile(packOf(await makeStore(), 1), packOf(d, 1)),
    [{ pack: 1, problem: 'swapped' }],
  ],
  [
    'has a note that is damaged',
    (d) => editRaw(d, (raw) => raw.put(packKey(1), Uint8Array.of(1, 2, 3))),
    [{ pack: 1, problem: 'unknown' }],
  ],
  [
    'that is written to has a flipped bit in its header',
    (d) => flip(packOf(d, 3), 14),
    [{ pack: 3, problem: 'unknown' }],
  ],
  ['that is written to is gone', (d) => rm(packOf(d, 3)), []], // its chunks are damaged, and that is all
];

it.each(damages)('names a pack that %s, until it is settled', async (_case, damage, expected) => {
  const directory = await makeStore();
  await damage(directory);
  const store = await openStore(directory);
  expect(await damagesIn(store)).toEqual(expected);
  await putEach(store, samples);
  for await (const { ok } of store.chunks.verify()) void ok; // so that all damage is known
  await putEach(store, samples);
  await expectAll(store, samples);
  expect(await damagesIn(store)).toEqual(expected);
  await store.chunks.settlePacks(expected.map(({ pack }) => pack));
  expect(await damagesIn(store)).toEqual([]);
  await store.close();
  const again = await openStore(directory);
  expect(await damagesIn(again)).toEqual([]);
  await expectAll(again, samples);
});

it('names a pack that is an older, shorter state of itself', async () => {
  const directory = await makeStore(samples.slice(0, 2));
  const older = await readFile(packOf(directory, 1));
  const store = await openStore(directory);
  await putEach(store, samples.slice(2));
  await writeFile(packOf(directory, 1), older);
  expect(await damagesIn(store)).toEqual([{ pack: 1, problem: 'truncated' }]);
});

it('names a pack that is whole, as long, and has the right number and store, but holds other records', async () => {
  const directory = await makeStore();
  const header = packHeaderIn(await readFile(packOf(directory, 1)));
  if (header === undefined) throw new Error('the pack has no header');
  const other = await scratchDirectory();
  const state = { storeId: header.storeId, pack: 0, length: 0 };
  const packs = await FilePacks.open(other, state, { bytesMax: packBytesMax });
  for (const { id, encoded } of samples.slice(3)) await packs.append([encodeRecord(id, encoded)]);
  await packs.close();
  await copyFile(packOf(other, 1), packOf(directory, 1));
  expect(await damagesIn(await openStore(directory))).toEqual([{ pack: 1, problem: 'stale' }]);
});

it('names the active pack when its end is cut off under a running store', async () => {
  const directory = await makeStore();
  const store = await openStore(directory);
  expect(await damagesIn(store)).toEqual([]);
  await truncate(packOf(directory, 3), packHeaderBytes + 10);
  expect(await damagesIn(store)).toEqual([{ pack: 3, problem: 'truncated' }]);
});

it('names a pack from before that was put back behind its back', async () => {
  const directory = await makeStore();
  await editRaw(directory, (raw) => raw.del(packKey(1)));
  expect(await damagesIn(await openStore(directory))).toEqual([{ pack: 1, problem: 'unknown' }]);
});

/** Takes the database back to where it was before the batch that began pack 3: the note of pack 2 went with it. */
async function forgetPack3(raw: RawDatabase): Promise<void> {
  const state = unsealPackState((await raw.get(packStateKey)) ?? new Uint8Array(0));
  if (state === undefined) throw new Error('the state of the packs is not there');
  await raw.put(packStateKey, sealPackState({ ...state, pack: 2, length: packBytesMax }));
  await raw.del(packKey(2));
}

const footerBytes = 4 + 3 * 45 + trailerBytes;
const crashPoints: readonly (readonly [string, { cut: number; keepsPack3: boolean; continued: boolean }])[] =
  [
    ['before the footer', { cut: footerBytes, keepsPack3: false, continued: true }],
    ['in the middle of the footer', { cut: 60, keepsPack3: false, continued: true }],
    ['after the footer', { cut: 0, keepsPack3: false, continued: false }],
    ['before the batch was committed', { cut: 0, keepsPack3: true, continued: false }],
    ['with the footer lost and the next pack there', { cut: 60, keepsPack3: true, continued: false }],
  ];

it.each(crashPoints)('goes on after a crash %s', async (_case, { cut, keepsPack3, continued }) => {
  const directory = await makeStore();
  await editRaw(directory, forgetPack3);
  const pack2 = await readFile(packOf(directory, 2));
  await truncate(packOf(directory, 2), pack2.length - cut);
  if (!keepsPack3) await rm(packOf(directory, 3));

  const kept = samples.slice(0, 6);
  for (let start = 0; start < 2; start++) {
    const store = await Store.open(directory, { packBytesMax: packBytesMax + 1000 });
    await expectAll(store, kept).finally(() => store.close());
  }
  const store = await Store.open(directory, { packBytesMax: packBytesMax + 1000 });
  onTestFinished(() => store.close());
  expect(await damagesIn(store)).toEqual([]);
  const added = [22, 25, 28, 31].map((seed) => sampleChunk(seed, chunkBytes));
  await putEach(store, added);
  expect(await damagesIn(store)).toEqual([]);
  await expectAll(store, [...kept, ...added]);
  expect((await readdir(join(directory, 'packs'))).length).toBe(keepsPack3 ? 5 : 4);
  expect((await tableOf(packOf(directory, 2))) !== undefined).toBe(continued || cut === 0);
  await truncate(packOf(directory, 2), 100);
  expect(await damagesIn(store)).toEqual([{ pack: 2, problem: 'truncated' }]);
});

it('names the index when it has lost what a damaged log held', async () => {
  const directory = await makeStore();
  const log = (await readdir(directory)).find((name) => name.endsWith('.log')) ?? '';
  await flip(join(directory, log), 20);
  for (let start = 0; start < 2; start++) {
    const store = await Store.open(directory, { packBytesMax });
    const damages = await damagesIn(store).finally(() => store.close());
    expect(damages[0]).toEqual({ pack: 0, problem: 'index' });
  }
  const store = await openStore(directory);
  await store.chunks.settlePacks([0]);
  expect(await damagesIn(store)).not.toContainEqual({ pack: 0, problem: 'index' });
});

it('stops when it is told to', async () => {
  const store = await openStore(await makeStore());
  const checking = store.chunks.checkPacks(AbortSignal.abort());
  await expect(checking.next()).rejects.toMatchObject({ code: 'CANCELLED' });
});
