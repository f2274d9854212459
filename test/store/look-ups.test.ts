/**
 * The database is not asked for a chunk that it cannot have: a store that was empty when it was opened knows what it was
 * told since. Whatever it believes, what is there is found, and stored once.
 */
import { expect, it } from 'vitest';
import { IdFilter } from '../../src/store/id-filter.js';
import { Store } from '../../src/store/index.js';
import { chunkKey } from '../../src/store/key.js';
import { FailingDatabase } from './failing-database.js';
import { FailingPacks } from './failing-packs.js';
import { sampleChunk, sampleChunks } from './sample-chunk.js';

const keyOf = (chunk: { id: Parameters<typeof chunkKey>[0] }): string =>
  Buffer.from(chunkKey(chunk.id)).toString('latin1');

it('asks for nothing that an empty store was not told of', async () => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  const first = sampleChunks(20);
  for (const { id, encoded } of first) await store.chunks.put(id, encoded);
  expect(await store.chunks.hasMany(first.map(({ id }) => id))).toEqual(first.map(() => true));
  await store.chunks.flush();
  expect(database.asked).toEqual([]);

  const other = sampleChunk(1_000_003, 5000);
  expect(await store.chunks.hasMany([...first, other].map(({ id }) => id))).toEqual([
    ...first.map(() => true),
    false,
  ]);
  expect(database.asked).toEqual(first.map(keyOf));

  const totals = await store.chunks.totals();
  database.asked.length = 0;
  for (const { id, encoded } of [...first, other]) await store.chunks.put(id, encoded);
  await store.chunks.flush();
  expect(database.asked).toEqual(first.map(keyOf));
  expect((await store.chunks.totals()).chunks).toBe(totals.chunks + 1);
});

it('asks for everything when there were chunks before', async () => {
  const database = new FailingDatabase();
  const packs = new FailingPacks();
  const [kept, other] = sampleChunks(2);
  if (kept === undefined || other === undefined) throw new Error('two chunks are needed');
  const before = await Store.over({ database, packs });
  await before.chunks.put(kept.id, kept.encoded);
  await before.chunks.flush();

  const store = await Store.over({ database, packs });
  expect(await store.chunks.hasMany([kept.id, other.id])).toEqual([true, false]);
  expect(database.asked).toEqual([kept, other].map(keyOf));
});

it('a filter has every id that was added, and hardly any other', () => {
  const [added, others] = [sampleChunks(2000), sampleChunks(4000).slice(2000)];
  const filter = new IdFilter(added.length, 0x5eed);
  for (const { id } of added) filter.add(id);
  expect(added.every(({ id }) => filter.has(id))).toBe(true);
  expect(others.filter(({ id }) => filter.has(id)).length).toBeLessThan(20);
});
