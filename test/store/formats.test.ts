/**
 * Shows that stores of every format that was ever written can be read, that those of the earlier ones are brought up to
 * date wherever a crash interrupts it, and that the bytes written today are those of the frozen store. The stores lie in
 * `fixtures/`; `make-fixture.ts` made them.
 */
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { Member } from '../../src/store/chunk-table.js';
import { packedBytesMin, unsealChunk } from '../../src/store/chunk-value.js';
import type { Database } from '../../src/store/database.js';
import { FilePacks, packPath } from '../../src/store/file-packs.js';
import { checkFormat, formatVersion, sealFormat } from '../../src/store/format.js';
import { type FramedRecord, rebuildStore, Store } from '../../src/store/index.js';
import { chunkKey, formatKey, packStateKey, totalsKey } from '../../src/store/key.js';
import { LevelDatabase } from '../../src/store/level-database.js';
import { migrate } from '../../src/store/migration.js';
import { packHeaderIn, recordHeaderBytes } from '../../src/store/pack-record.js';
import { unsealPackState } from '../../src/store/pack-state.js';
import type { Packs } from '../../src/store/packs.js';
import {
  fixtureBundle,
  fixtureChunks,
  fixtureGroups,
  fixturePackBytesMax,
  fixtureRecords,
  fixtureRun,
} from './fixture-content.js';
import { editRaw } from './raw-database.js';
import { giveTogether } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const versions = [1, 2, 3, 4, 5];
const packBytesMax = fixturePackBytesMax;
/** Chunks that lie in packs today. */
const packedCount = fixtureChunks.filter(({ encoded }) => encoded.bytes.length >= packedBytesMin).length;

/** A copy of the frozen store of format `version`. */
async function copyOf(version: number): Promise<string> {
  const directory = join(await scratchDirectory(), 'store');
  await cp(fileURLToPath(new URL(`../../fixtures/store-v${version}`, import.meta.url)), directory, {
    recursive: true,
  });
  return directory;
}

/** Opens the store, which was of format `version`, and compares all of it with what it should hold. */
async function expectWhole(directory: string, version: number): Promise<void> {
  const grouped = fixtureGroups(version);
  const store = await Store.open(directory, { packBytesMax });
  onTestFinished(() => store.close());
  const totals = await store.chunks.totals();
  for (const { id, plain, encoded } of [...fixtureChunks, ...grouped]) {
    expect(await store.chunks.get(id)).toEqual(plain);
    expect((await store.chunks.getEncoded(id))?.codec).toBe(encoded.codec);
  }
  let checked = 0;
  for await (const { id, ok } of store.chunks.verify()) {
    expect(ok, id).toBe(true);
    checked += 1;
  }
  expect(checked).toBe(fixtureChunks.length + grouped.length);
  expect(await store.chunks.totals()).toEqual(totals); // verify has counted again
  for (const { kind, key, value } of fixtureRecords) expect(await store.getRecord(kind, key)).toEqual(value);
  for await (const damage of store.chunks.checkPacks()) expect(damage).toBeUndefined();
  await store.close();
}

async function formatOf(directory: string): Promise<Uint8Array | undefined> {
  return editRaw(directory, (raw) => raw.get(formatKey));
}

it('has a frozen store of every format', () => {
  expect(versions.at(-1)).toBe(formatVersion);
});

it.each(versions)('reads format %i, and leaves the format that is written', async (version) => {
  const directory = await copyOf(version);
  expect(await formatOf(directory)).toEqual(Buffer.from(sealFormat(version)));
  await expectWhole(directory, version);
  expect(await formatOf(directory)).toEqual(Buffer.from(sealFormat(formatVersion)));
  await expectWhole(directory, version);
});

it.each(versions)('rebuilds a store of format %i', async (version) => {
  const directory = await copyOf(version);
  await rebuildStore(directory, { quarantine: join(directory, '..', 'quarantine') });
  await expectWhole(directory, version);
});

it('moves the larger chunks of format 1 to packs, a value at a time if need be', async () => {
  const directory = await copyOf(1);
  await expectWhole(directory, 1);
  const lengths = await editRaw(directory, (raw) => raw.getMany(fixtureChunks.map(({ id }) => chunkKey(id))));
  const locations = lengths.filter((value) => value?.length === 22);
  expect(locations.length).toBe(packedCount);
});

/** Counts the writes and syncs of a migration; the one numbered `failAt` never happens, nor does any after it. */
class Interruption {
  steps = 0;

  constructor(private readonly failAt: number) {}

  private step(): void {
    this.steps += 1;
    if (this.steps >= this.failAt) throw new Error('the power went out');
  }

  database(database: LevelDatabase): Database {
    const write: Database['write'] = async (operations, options) => {
      this.step();
      await database.write(operations, options);
    };
    return new Proxy(database, { get: (target, name) => (name === 'write' ? write : bound(target, name)) });
  }

  packs(packs: FilePacks): Packs {
    const append: Packs['append'] = async (records) => {
      this.step();
      const places = await packs.append(records);
      this.step();
      return places;
    };
    return new Proxy(packs, { get: (target, name) => (name === 'append' ? append : bound(target, name)) });
  }
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target);
  return typeof value === 'function' ? value.bind(target) : value;
}

/** Migrates up to the step numbered `failAt`, a chunk at a time. @returns whether it came to the end */
async function migrateUpTo(directory: string, failAt: number): Promise<boolean> {
  const interruption = new Interruption(failAt);
  const database = await LevelDatabase.open(directory);
  const version = await checkFormat(directory, database);
  const sealed = await database.get(packStateKey);
  const packs = await FilePacks.open(directory, sealed && unsealPackState(sealed), {
    bytesMax: packBytesMax,
  });
  try {
    const parts = { database: interruption.database(database), packs: interruption.packs(packs) };
    await migrate(parts, version, 1);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ message: 'the power went out' });
    return false;
  } finally {
    await packs.close();
    await database.close();
  }
}

it.each([1, 2])('goes on with format %i after a crash at any step', async (version) => {
  let isDone = false;
  for (let failAt = 1; !isDone; failAt++) {
    const directory = await copyOf(version);
    isDone = await migrateUpTo(directory, failAt);
    if (!isDone) {
      expect(await formatOf(directory)).toEqual(Buffer.from(sealFormat(version)));
      await migrateUpTo(directory, 3); // and a second one
    }
    await expectWhole(directory, version);
    if (isDone) expect(failAt).toBe(version === 1 ? 3 * packedCount + 2 : 2);
  }
});

it('leaves a damaged value of format 1 for verify to report', async () => {
  const directory = await copyOf(1);
  const [, chunk] = fixtureChunks;
  const id = chunk?.id ?? ('' as never);
  await editRaw(directory, async (raw) => {
    const value = await raw.get(chunkKey(id));
    if (value !== undefined) await raw.put(chunkKey(id), value.with(100, (value[100] ?? 0) ^ 1));
  });
  const store = await Store.open(directory);
  onTestFinished(() => store.close());
  const bad: string[] = [];
  for await (const verdict of store.chunks.verify()) if (!verdict.ok) bad.push(verdict.id);
  expect(bad).toEqual([id]);
});

/** The bundle as it was compressed then, with its frame. */
async function frozenBundle(directory: string): Promise<FramedRecord> {
  const chunks = fixtureBundle.map(({ id, plain }) => ({ id, plainLength: plain.length }));
  const key = chunkKey((chunks[0] as Member).id);
  const stored = unsealChunk(
    key,
    await editRaw(directory, async (raw) => (await raw.get(key)) as Uint8Array),
  );
  if (stored?.kind !== 'packed') throw new Error('The bundle lies in no pack.');
  const { pack, offset, encodedLength, codec } = stored.location;
  const bytes = await readFile(packPath(join(directory, 'packs'), pack));
  const start = offset + recordHeaderBytes;
  return { codec, chunks, bytes: bytes.subarray(start, start + encodedLength) };
}

it('writes the bytes of the frozen packs', async () => {
  const frozen = join(await copyOf(formatVersion), 'packs');
  const header = packHeaderIn(await readFile(join(frozen, '00000001.pack')));
  const bundle = await frozenBundle(join(frozen, '..'));
  const source = await Store.open(join(frozen, '..'));
  onTestFinished(() => source.close());
  const directory = await scratchDirectory();
  const database = await LevelDatabase.open(directory);
  await checkFormat(directory, database);
  const state = header && { storeId: header.storeId, pack: 0, length: 0 };
  const packs = await FilePacks.open(directory, state, { bytesMax: packBytesMax });
  const store = await Store.over({ database, packs });
  for (const [index, { id }] of fixtureChunks.entries()) {
    if (index === fixtureChunks.length - 1) {
      await store.chunks.give([bundle]);
      await giveTogether(store.chunks, fixtureRun);
    }
    await store.chunks.flush();
    const encoded = await source.chunks.getEncoded(id); // as it was compressed then
    if (encoded !== undefined) await store.chunks.put(id, encoded);
    await store.chunks.flush();
  }
  await store.close();
  for (const name of await readdir(frozen)) {
    const [then, now] = [await readFile(join(frozen, name)), await readFile(join(directory, 'packs', name))];
    expect(now.equals(then), name).toBe(true);
  }
  const values = (place: string): Promise<unknown> =>
    editRaw(place, (raw) =>
      raw.getMany([
        totalsKey,
        packStateKey,
        ...[...fixtureChunks, ...fixtureGroups(formatVersion)].map(({ id }) => chunkKey(id)),
      ]),
    );
  await source.close();
  expect(await values(directory)).toEqual(await values(join(frozen, '..')));
});
