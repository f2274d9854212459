/**
 * Makes a frozen store for `fixtures/`, with the code of the version that wrote its format. It was run once a format:
 *
 *   node --import ./test/store/typescript-register.js test/store/make-fixture.ts SOURCES OUT
 *
 * SOURCES is the folder `src` of that version, with its dependencies installed, and OUT the directory to make. Format 2
 * wants FORMAT=2 in the environment, because its `Store.open` offers no small packs. Formats 1 to 3 have no bundles, and 4 has no runs.
 */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OpenStore } from '../../src/store/index.js';
import {
  fixtureBundle,
  fixtureChunks,
  fixturePackBytesMax,
  fixtureRecords,
  fixtureRun,
} from './fixture-content.js';

const [sources = '', out = ''] = process.argv.slice(2);
const load = (name: string): Promise<unknown> =>
  import(pathToFileURL(join(resolve(sources), 'store', name)).href);
const { Store } = (await load('store.ts')) as typeof import('../../src/store/store.js');

const hasGroups = process.env.FORMAT === undefined;
const directory = join(await mkdtemp(join(tmpdir(), 'shoal-fixture-')), 'store');
// The last chunk and the records stay in the log, the others are in a table.
for (const [chunks, records] of [
  [fixtureChunks.slice(0, -1), []],
  [fixtureChunks.slice(-1), fixtureRecords],
] as const) {
  const store = await openStore();
  for (const { id, encoded } of chunks) {
    await store.chunks.put(id, encoded);
    await store.chunks.flush();
  }
  if (records.length === 0 && hasGroups) {
    const { giveTogether } = await import('./sample-chunk.js');
    await giveTogether(store.chunks, fixtureBundle);
    await giveTogether(store.chunks, fixtureRun);
  }
  if (records.length > 0) await store.commit(records, { durable: true });
  await store.close();
}
await rm(out, { recursive: true, force: true });
await cp(directory, out, { recursive: true });
for (const name of await readdir(out))
  if (/^(?:LO(?:CK|G)|checked-tables)/.test(name)) await rm(join(out, name));
await rm(join(directory, '..'), { recursive: true });

/** The store with small packs, which format 2 does not offer at its door. */
async function openStore(): Promise<OpenStore> {
  if (process.env.FORMAT !== '2') return Store.open(directory, { packBytesMax: fixturePackBytesMax });
  const { LevelDatabase } = (await load(
    'level-database.ts',
  )) as typeof import('../../src/store/level-database.js');
  const { FilePacks } = (await load('file-packs.ts')) as typeof import('../../src/store/file-packs.js');
  const { checkFormat } = (await load('format.ts')) as typeof import('../../src/store/format.js');
  const { packStateKey } = (await load('key.ts')) as typeof import('../../src/store/key.js');
  const { unsealPackState } = (await load('pack-state.ts')) as typeof import('../../src/store/pack-state.js');
  const database = await LevelDatabase.open(directory);
  await checkFormat(directory, database);
  const sealed = await database.get(packStateKey);
  const state = sealed && unsealPackState(sealed);
  const packs = await FilePacks.open(directory, state, { bytesMax: fixturePackBytesMax });
  return Store.over({ database, packs });
}
