/**
 * Shows that a write that fails is final: everything in line and everything later is refused with the cause and what to
 * do, and nothing of it is reported as present. Once with a database that fails on demand, once with LevelDB on a disk
 * that is full (its next log is a link to /dev/full).
 */
import { constants, existsSync } from 'node:fs';
import { open as openFile, readdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ShoalError } from '../../src/error.js';
import { packedBytesMin } from '../../src/store/chunk-value.js';
import { FilePacks, type OpenFile } from '../../src/store/file-packs.js';
import { Store } from '../../src/store/index.js';
import { LevelDatabase } from '../../src/store/level-database.js';
import { FailingDatabase } from './failing-database.js';
import { FailingPacks } from './failing-packs.js';
import { sampleChunk, sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const failure = new ShoalError('STORE_FAILED', 'The store cannot be written: the disk is full.');

it.each([
  ['of chunks', (store: Store) => store.chunks.flush()],
  [
    'of a commit',
    (store: Store) =>
      store.commit([{ kind: 'state', key: 's', value: Uint8Array.of(1) }], { durable: false }),
  ],
  ['to the disk', (store: Store) => store.chunks.sync()],
])('refuses everything after a write %s has failed', async (_what, fail) => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  const [kept, queued, later] = sampleChunks(3);
  if (kept === undefined || queued === undefined || later === undefined)
    throw new Error('three chunks are needed');
  await store.chunks.put(kept.id, kept.encoded);
  await store.chunks.flush();

  database.gate = async () => {
    throw failure;
  };
  const put = store.chunks.put(queued.id, queued.encoded);
  await expect(fail(store)).rejects.toBe(failure);
  await put;

  database.gate = async () => {}; // the disk is well again: too late, nobody knows what was written
  await expect(store.chunks.put(later.id, later.encoded)).rejects.toBe(failure);
  await expect(store.chunks.flush()).rejects.toBe(failure);
  await expect(store.chunks.sync()).rejects.toBe(failure);
  await expect(store.commit([], { durable: false })).rejects.toBe(failure);
  expect(await store.chunks.hasMany([kept.id, queued.id, later.id])).toEqual([true, false, false]);
  expect(await store.chunks.get(kept.id)).toEqual(kept.plain);
  expect(await store.chunks.get(queued.id)).toBeUndefined();
  expect((await store.chunks.totals()).chunks).toBe(1);
  expect(database.writes).toHaveLength(1);
  await expect(store.close()).rejects.toBe(failure);
});

it('rejects the puts that wait for room when a write fails', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  let fail = (): void => {};
  const failed = new Promise<void>((_, reject) => {
    fail = () => reject(failure);
  });
  packs.gate = () => failed;
  const puts = Array.from({ length: 600 }, (_, seed) => {
    const chunk = sampleChunk(3 * seed + 1, 64 * 1024);
    return store.chunks.put(chunk.id, chunk.encoded);
  });
  setImmediate(fail);
  const outcomes = await Promise.allSettled(puts);
  expect(outcomes.at(0)?.status).toBe('fulfilled');
  expect(outcomes.at(-1)).toEqual({ status: 'rejected', reason: failure });
});

/** The next logs that LevelDB begins in `directory` will be on a disk that is full. */
async function fillDisk(directory: string): Promise<string[]> {
  const numbers = (await readdir(directory)).map((name) =>
    Number.parseInt(name.replace('MANIFEST-', ''), 10),
  );
  const last = Math.max(...numbers.filter((number) => Number.isInteger(number)));
  const logs = [1, 2, 3, 4].map((step) => join(directory, `${String(last + step).padStart(6, '0')}.log`));
  await Promise.all(logs.map((log) => symlink('/dev/full', log)));
  return logs;
}

it.runIf(existsSync('/dev/full'))(
  'says that the disk is full for the database, and opens again when it is not',
  async () => {
    const directory = join(await scratchDirectory(), 'store');
    const store = await Store.open(directory);
    const first = sampleChunk(1, 64 * 1024);
    await store.chunks.put(first.id, first.encoded);
    await store.chunks.sync();
    const logs = await fillDisk(directory);

    const full = {
      code: 'STORE_FAILED',
      message: expect.stringMatching(/disk is full: free some space/),
      data: { systemCode: 'ENOSPC' },
    };
    const putUntilFull = async (): Promise<void> => {
      for (let seed = 1; seed < 24_000; seed++) {
        const chunk = sampleChunk(3 * seed + 1, packedBytesMin - 48);
        await store.chunks.put(chunk.id, chunk.encoded);
      }
      await store.chunks.flush();
    };
    await expect(putUntilFull()).rejects.toMatchObject(full);
    await expect(store.commit([], { durable: true })).rejects.toMatchObject(full);
    const { chunks } = await store.chunks.totals();
    expect(chunks).toBeGreaterThan(2000); // the first log took 16 MiB
    await expect(store.close()).rejects.toMatchObject(full);

    for (const log of logs) await rm(log, { force: true });
    const reopened = await Store.open(directory);
    expect(await reopened.chunks.totals()).toMatchObject({ chunks });
    expect(await reopened.chunks.get(first.id)).toEqual(first.plain);
    await reopened.close();
  },
);

it.runIf(existsSync('/dev/full'))(
  'says that the disk is full for a pack, and speaks of nothing in it',
  async () => {
    const directory = join(await scratchDirectory(), 'store');
    await (await Store.open(directory)).close();
    const database = await LevelDatabase.open(directory);
    const onFullDisk: OpenFile = (path, flags) =>
      openFile(flags === constants.O_RDONLY ? path : '/dev/full', 'r+');
    const store = await Store.over({
      database,
      packs: await FilePacks.open(directory, undefined, { openFile: onFullDisk }),
    });
    const small = sampleChunk(1);
    const large = sampleChunk(4, packedBytesMin);
    await store.chunks.put(small.id, small.encoded);
    await store.chunks.flush();

    const full = { code: 'STORE_FAILED', message: expect.stringMatching(/disk is full: free some space/) };
    await store.chunks.put(large.id, large.encoded);
    await expect(store.chunks.flush()).rejects.toMatchObject(full);
    await expect(store.chunks.put(large.id, large.encoded)).rejects.toMatchObject(full);
    await expect(store.commit([], { durable: true })).rejects.toMatchObject(full);
    expect(await store.chunks.hasMany([small.id, large.id])).toEqual([true, false]);
    expect(await store.chunks.get(small.id)).toEqual(small.plain);
    await expect(store.close()).rejects.toMatchObject(full);

    const reopened = await Store.open(directory);
    expect((await reopened.chunks.totals()).chunks).toBe(1);
    await reopened.chunks.put(large.id, large.encoded);
    await reopened.chunks.sync();
    expect(await reopened.chunks.get(large.id)).toEqual(large.plain);
    await reopened.close();
  },
);

it.each(['append', 'sync'] as const)(
  'refuses everything after an %s of a pack has failed',
  async (failing) => {
    const database = new FailingDatabase();
    const packs = new FailingPacks();
    const store = await Store.over({ database, packs });
    const [kept, queued] = [sampleChunk(1, packedBytesMin), sampleChunk(4, packedBytesMin)];
    await store.chunks.put(kept.id, kept.encoded);
    await store.chunks.sync();
    packs.gate = async (what) => {
      if (what === failing) throw failure;
    };
    await store.chunks.put(queued.id, queued.encoded);
    const head = { kind: 'head', key: 'h', value: Uint8Array.of(1) } as const;
    await expect(store.commit([head], { durable: true })).rejects.toBe(failure);
    packs.gate = async () => {};
    await expect(store.chunks.sync()).rejects.toBe(failure);
    await expect(store.chunks.put(queued.id, queued.encoded)).rejects.toBe(failure);
    expect(await store.getRecord('head', 'h')).toBeUndefined();
    expect(database.syncs).toBe(1);
    expect(await store.chunks.get(kept.id)).toEqual(kept.plain);
    await expect(store.close()).rejects.toBe(failure);
  },
);
