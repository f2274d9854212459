/**
 * After an orderly end a start does not read all tables again; after any other it does, and whatever is not the very
 * file that was checked is checked in any case.
 */
import { copyFile, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { noteCheckedTables, takeCheckedTables } from '../../src/store/checked-tables.js';
import { Store } from '../../src/store/index.js';
import { sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const checked = async (directory: string): Promise<string[]> =>
  [...(await takeCheckedTables(directory))].sort();

async function directoryWithTables(): Promise<string> {
  const directory = await scratchDirectory();
  for (const name of ['000005.ldb', '000007.ldb', 'CURRENT']) await writeFile(join(directory, name), name);
  await noteCheckedTables(directory);
  return directory;
}

it('knows the tables that were there, once', async () => {
  const directory = await directoryWithTables();
  expect(await checked(directory)).toEqual(['000005.ldb', '000007.ldb']);
  expect(await checked(directory)).toEqual([]);
});

it('knows none that was written again, touched, exchanged or is new', async () => {
  const directory = await directoryWithTables();
  await copyFile(join(directory, '000005.ldb'), join(directory, '000009.ldb'));
  await writeFile(join(directory, '000005.ldb'), '000005.ldB');
  await utimes(join(directory, '000007.ldb'), 1, 1);
  expect(await checked(directory)).toEqual([]);
});

it('believes no note that is damaged', async () => {
  const directory = await directoryWithTables();
  const path = join(directory, 'checked-tables');
  const text = await readFile(path, 'latin1');
  await writeFile(path, text.replace('000005', '000006'));
  expect(await checked(directory)).toEqual([]);
  await writeFile(path, '');
  expect(await checked(directory)).toEqual([]);
});

it('is written by an orderly close, and taken away while the store is open', async () => {
  const directory = await scratchDirectory();
  const first = await Store.open(directory);
  for (const { id, encoded } of sampleChunks(10)) await first.chunks.put(id, encoded);
  expect(await readdir(directory)).not.toContain('checked-tables');
  await first.close();
  expect(await readdir(directory)).toContain('checked-tables');
  const second = await Store.open(directory);
  expect(await readdir(directory)).not.toContain('checked-tables');
  await second.close();
});

it('is no reason for a verification to look away', async () => {
  const directory = await scratchDirectory();
  const store = await Store.open(directory);
  for (const { id, encoded } of sampleChunks(200)) await store.chunks.put(id, encoded);
  await store.close();
  await (await Store.open(directory)).close(); // the log becomes a table
  const open = await Store.open(directory);
  const table = (await readdir(directory)).find((name) => name.endsWith('.ldb')) ?? '';
  const bytes = await readFile(join(directory, table));
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await rm(join(directory, table)); // LevelDB goes on with the file that it has open
  await writeFile(join(directory, table), bytes);
  const found: unknown[] = [];
  for await (const damage of open.chunks.checkPacks()) found.push(damage);
  expect(found).toContainEqual({ pack: 0, problem: 'index' });
  await open.close();
});
