/**
 * Shows who may open a store and when: one process, its owner, and only if what lies there is whole and of a format
 * that this version knows. Each case damages the files of a real store.
 */
import { copyFile, readdir, rename, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { formatVersion, sealFormat } from '../../src/store/format.js';
import { Store } from '../../src/store/index.js';
import { formatKey } from '../../src/store/key.js';
import { endOf, forkHere, messageOf } from './child.js';
import { editRaw } from './raw-database.js';
import { sampleChunk, sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

/** A closed store that holds nine chunks, in a table. */
async function makeStore(): Promise<string> {
  const directory = join(await scratchDirectory(), '.shoal', 'store');
  const store = await Store.open(directory);
  for (const chunk of sampleChunks(9)) await store.chunks.put(chunk.id, chunk.encoded);
  await store.close();
  await (await Store.open(directory)).close(); // turns the log into a table
  return directory;
}

async function fileNamed(directory: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(directory)).find((each) => pattern.test(each));
  if (name === undefined) throw new Error(`no file like ${pattern} in the store`);
  return join(directory, name);
}

const unopenable = { code: 'STORE_UNOPENABLE', message: expect.stringMatching(/shoal verify --repair/) };

it('makes its directories for the owner only', async () => {
  const directory = await makeStore();
  for (const path of [directory, join(directory, '..')]) expect((await stat(path)).mode & 0o777).toBe(0o700);
});

it('opens again with everything in it', async () => {
  const store = await Store.open(await makeStore());
  for (const chunk of sampleChunks(9)) expect(await store.chunks.get(chunk.id)).toEqual(chunk.plain);
  expect((await store.chunks.totals()).chunks).toBe(9);
  await store.close();
});

it('refuses a second opener in the same process, and has not disturbed the first', async () => {
  const directory = await makeStore();
  const store = await Store.open(directory);
  await expect(Store.open(directory)).rejects.toMatchObject({
    code: 'SHARE_BUSY',
    data: { path: directory },
  });
  expect(await store.chunks.has(sampleChunk(3).id)).toBe(true);
  await store.close();
  await (await Store.open(directory)).close();
});

it('refuses while another process has it open, and opens when that one was killed', async () => {
  const directory = await makeStore();
  const child = forkHere('./lock-child.ts', [directory]);
  await messageOf(child, (message): message is string => message === 'open');
  await expect(Store.open(directory)).rejects.toMatchObject({ code: 'SHARE_BUSY' });
  child.kill('SIGKILL');
  await endOf(child);
  await (await Store.open(directory)).close();
});

it('does not begin anew where CURRENT is missing', async () => {
  const directory = await makeStore();
  const current = join(directory, 'CURRENT');
  await rename(current, join(directory, 'kept'));
  await expect(Store.open(directory)).rejects.toMatchObject(unopenable);
  await rename(join(directory, 'kept'), current);
  const store = await Store.open(directory);
  expect(await store.chunks.has(sampleChunk(1).id)).toBe(true);
  await store.close();
});

it('goes on where its first creation was interrupted', async () => {
  const made = await makeStore();
  const directory = await scratchDirectory();
  await copyFile(await fileNamed(made, /^MANIFEST/), join(directory, 'MANIFEST-000001'));
  await writeFile(join(directory, '000001.dbtmp'), 'MANIFEST-000001\n');
  await (await Store.open(directory)).close();
});

it.each([
  [
    'CURRENT is garbage',
    async (directory: string) => writeFile(join(directory, 'CURRENT'), '../../etc/passwd\n'),
  ],
  ['CURRENT is empty', async (directory: string) => truncate(join(directory, 'CURRENT'))],
  ['the manifest is gone', async (directory: string) => rm(await fileNamed(directory, /^MANIFEST/))],
  ['the manifest is empty', async (directory: string) => truncate(await fileNamed(directory, /^MANIFEST/))],
  ['a table is gone', async (directory: string) => unlink(await fileNamed(directory, /\.ldb$/))],
])('refuses to open when %s, and says what to do', async (_case, damage) => {
  const directory = await makeStore();
  await damage(directory);
  await expect(Store.open(directory)).rejects.toMatchObject(unopenable);
});

it('refuses a newer format and lets go of the store', async () => {
  const directory = await makeStore();
  await editRaw(directory, (raw) => raw.put(formatKey, sealFormat(formatVersion + 1)));
  const newer = {
    code: 'STORE_UNOPENABLE',
    message: expect.stringContaining(`newer Shoal (format ${formatVersion + 1})`),
  };
  await expect(Store.open(directory)).rejects.toMatchObject(newer);
  await expect(Store.open(directory)).rejects.toMatchObject(newer);
});

it.each([
  ['missing', (sealed: Uint8Array) => sealed.subarray(0, 0)],
  ['damaged', (sealed: Uint8Array) => sealed.with(7, 9)],
])('refuses a store whose format record is %s', async (_case, change) => {
  const directory = await makeStore();
  await editRaw(directory, async (raw) => {
    const changed = change(sealFormat(formatVersion));
    if (changed.length === 0) await raw.del(formatKey);
    else await raw.put(formatKey, changed);
  });
  await expect(Store.open(directory)).rejects.toMatchObject(unopenable);
});

it('names the system error when the directory cannot be made', async () => {
  const file = join(await scratchDirectory(), 'file');
  await writeFile(file, '');
  await expect(Store.open(join(file, 'store'))).rejects.toMatchObject({
    code: 'STORE_FAILED',
    data: { systemCode: 'ENOTDIR' },
  });
});
