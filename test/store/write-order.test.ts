/**
 * Shows the order and the bounds of writes: batches, back-pressure, commits behind their chunks, syncs before durable
 * commits. A database whose writes wait for the test makes every step visible.
 */
import { expect, it } from 'vitest';
import { frameCopy } from '../../src/store/framed-record.js';
import { syncBytesMin } from '../../src/store/group-sync.js';
import { Store } from '../../src/store/index.js';
import { recordHeaderBytes } from '../../src/store/pack-record.js';
import { batchBytesMax, queueBytesMax, unfinishedBytesMax, WriteQueue } from '../../src/store/write-queue.js';
import { FailingDatabase } from './failing-database.js';
import { FailingPacks } from './failing-packs.js';
import { giveTogether, type SampleChunk, sampleChunk, sampleChunks } from './sample-chunk.js';

/** A gate that stays shut until `open` is called. */
function gate(): { wait: () => Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { wait: () => opened, open };
}

/** Whether `promise` has settled once everything that can run has run. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

const isChunk = (key: string): boolean => key.startsWith('c');
const chunkBytes = 64 * 1024;
/** Chunks of a full batch. */
const perBatch = Math.floor(batchBytesMax / (recordHeaderBytes + chunkBytes + 256));

it('gathers what is put while a write is under way into batches of bounded size', async () => {
  const database = new FailingDatabase();
  const packs = new FailingPacks();
  const store = await Store.over({ database, packs });
  const { wait, open } = gate();
  database.gate = wait;
  const count = 150;
  for (let seed = 0; seed < count; seed++) {
    const chunk = sampleChunk(3 * seed + 1, chunkBytes);
    await store.chunks.put(chunk.id, chunk.encoded);
  }
  open();
  await store.chunks.flush();
  const record = recordHeaderBytes + chunkBytes;
  expect(packs.appends.map((bytes) => Math.floor(bytes / record))).toEqual([
    perBatch,
    perBatch,
    count - 2 * perBatch,
  ]);
  expect(database.writes.map((write) => write.keys.filter(isChunk).length)).toEqual([count]);
  expect(Math.max(...packs.appends)).toBeLessThanOrEqual(batchBytesMax);
});

it('writes what nobody waits for, too', async () => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  const written = new Promise<void>((resolve) => {
    database.gate = async () => resolve();
  });
  const chunk = sampleChunk(1);
  await store.chunks.put(chunk.id, chunk.encoded);
  await written;
});

it('makes put wait at the bound of the queue and go on when a batch is appended', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const { wait, open } = gate();
  packs.gate = wait;
  let held: Promise<void> | undefined;
  let accepted = 0;
  for (let seed = 0; held === undefined; seed++) {
    const chunk = sampleChunk(3 * seed + 1, chunkBytes);
    const put = store.chunks.put(chunk.id, chunk.encoded);
    if (await hasSettled(put)) accepted += 1;
    else held = put;
  }
  expect(accepted * chunkBytes).toBeLessThanOrEqual(queueBytesMax);
  expect((accepted + 2) * (chunkBytes + 512)).toBeGreaterThan(queueBytesMax);
  open();
  await held;
  await store.chunks.flush();
  expect((await store.chunks.totals()).chunks).toBe(accepted + 1);
});

it('appends no more than it may have to put on the disk together', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const { wait, open } = gate();
  packs.gate = (what) => (what === 'sync' ? wait() : Promise.resolve());
  const enough = (unfinishedBytesMax + 2 * queueBytesMax) / chunkBytes;
  const puts = Array.from({ length: enough }, (_, seed) => {
    const { id, encoded } = sampleChunk(3 * seed + 1, chunkBytes);
    return store.chunks.put(id, encoded);
  });
  expect(await hasSettled(Promise.all(puts))).toBe(false);
  const appended = packs.appends.reduce((sum, bytes) => sum + bytes, 0);
  expect(appended).toBeGreaterThan(unfinishedBytesMax);
  expect(appended).toBeLessThanOrEqual(unfinishedBytesMax + batchBytesMax);
  open();
  await Promise.all(puts);
  await store.chunks.flush();
  expect((await store.chunks.totals()).chunks).toBe(enough);
});

it('gives memory back once it is appended, and serves from there what is not in the database yet', async () => {
  const database = new FailingDatabase();
  const packs = new FailingPacks();
  const store = await Store.over({ database, packs });
  const { wait, open } = gate();
  packs.gate = (what) => (what === 'sync' ? wait() : Promise.resolve());
  const [small, large, ...together] = [
    sampleChunk(1, 300),
    sampleChunk(4, 9000),
    ...sampleChunks(9).slice(5),
  ];
  const samples = [small as SampleChunk, large as SampleChunk, ...together];
  const memory = await giveTogether(store.chunks, samples);
  memory.fill(0xee); // somebody else's by now
  expect(database.writes).toEqual([]);
  for (const { id, plain } of samples) {
    expect(await store.chunks.has(id)).toBe(true);
    expect(await store.chunks.get(id)).toStrictEqual(plain);
  }
  await Promise.all(samples.map(({ id, encoded }) => store.chunks.put(id, encoded))); // duplicates
  open();
  await store.chunks.flush();
  for (const { id, plain } of samples) expect(await store.chunks.get(id)).toStrictEqual(plain);
  expect((await store.chunks.totals()).chunks).toBe(samples.length);
  expect(packs.appends).toHaveLength(1);
});

it('writes what is given in a row as a batch of its own, at once', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const { wait, open } = gate();
  packs.gate = (what) => (what === 'sync' ? wait() : Promise.resolve());
  const chunk = (seed: number): SampleChunk => sampleChunk(seed, 9000);
  await store.chunks.put(chunk(1).id, chunk(1).encoded);
  const first = giveTogether(store.chunks, [chunk(4), chunk(7)]);
  await store.chunks.put(chunk(10).id, chunk(10).encoded);
  const second = giveTogether(store.chunks, [chunk(13), chunk(16)]);
  await Promise.all([first, second]); // though nothing is on the disk yet
  const [one, two] = packs.appends;
  expect(packs.appends).toEqual([one, two, one, two]);
  expect(two).toBeGreaterThan(one as number);
  open();
  await store.chunks.flush();
  expect((await store.chunks.totals()).chunks).toBe(6);
});

it('writes a commit alone, after all chunks put before it and before those put after it', async () => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  const [first, second, third] = sampleChunks(3);
  if (first === undefined || second === undefined || third === undefined)
    throw new Error('three chunks are needed');
  await store.chunks.put(first.id, first.encoded);
  await store.chunks.put(second.id, second.encoded);
  const commit = store.commit([{ kind: 'state', key: 's', value: Uint8Array.of(1) }], { durable: false });
  await store.chunks.put(third.id, third.encoded);
  await commit;
  await store.chunks.flush();
  expect(database.writes.map((write) => write.keys.filter((key) => key !== 'mtotals').length)).toEqual([
    2, 1, 1,
  ]);
  expect(database.writes.map((write) => write.keys[0]?.[0])).toEqual(['c', 'r', 'c']);
  expect(database.syncs).toBe(0);
});

it('syncs the chunks before a durable commit, and only if there is something to sync', async () => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  const chunk = sampleChunk(1);
  await store.chunks.put(chunk.id, chunk.encoded);
  const events: string[] = [];
  database.gate = async () => {
    events.push(`${database.writes.length} writes, ${database.syncs} syncs`);
  };
  await store.chunks.flush();
  const durable = { durable: true };
  await store.commit([{ kind: 'head', key: 'h', value: Uint8Array.of(1) }], durable);
  expect(events.slice(-2)).toEqual(['1 writes, 0 syncs', '1 writes, 1 syncs']);
  expect(database.writes.at(-1)).toMatchObject({ sync: true });
  await store.commit([{ kind: 'head', key: 'h', value: Uint8Array.of(2) }], durable);
  await store.chunks.sync();
  expect(database.syncs).toBe(1);
  await store.commit([{ kind: 'head', key: 'h', delete: true }], { durable: false });
  await store.chunks.sync();
  expect(database.syncs).toBe(2);
});

it('writes nothing for chunks that are there already', async () => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  for (let round = 0; round < 3; round++) {
    for (const chunk of sampleChunks(4)) await store.chunks.put(chunk.id, chunk.encoded);
    await store.chunks.flush();
  }
  expect(database.writes.flatMap((write) => write.keys.filter(isChunk))).toHaveLength(4);
});

it('takes commits of a bounded size', async () => {
  const store = await Store.over({ database: new FailingDatabase(), packs: new FailingPacks() });
  const value = new Uint8Array(33 * 1024 * 1024);
  const changes = ['a', 'b'].map((key) => ({ kind: 'stat' as const, key, value }));
  await expect(store.commit(changes, { durable: false })).rejects.toMatchObject({ code: 'LIMIT' });
  await store.commit(changes.slice(1), { durable: false });
});

it('writes records before the values that speak of them, and puts them on the disk before those', async () => {
  const database = new FailingDatabase();
  const packs = new FailingPacks();
  const store = await Store.over({ database, packs });
  const events: string[] = [];
  packs.gate = async (what) => {
    events.push(`pack ${what}`);
  };
  database.gate = async () => {
    events.push('database');
  };
  const small = sampleChunk(1);
  const large = sampleChunk(4, chunkBytes);
  await store.chunks.put(small.id, small.encoded);
  await store.chunks.put(large.id, large.encoded);
  await store.commit([{ kind: 'head', key: 'h', value: Uint8Array.of(1) }], { durable: true });
  // Both, of which the pack is synced before the database speaks of it; the syncs; the durable commit.
  const ofChunks = ['pack append', 'pack sync', 'database'];
  expect(events).toEqual([...ofChunks, 'pack sync', 'database', 'database']);
  expect(database.syncs).toBe(1);
});

it('puts on the disk together what was appended, when somebody waits for it', async () => {
  const database = new FailingDatabase();
  const packs = new FailingPacks();
  const store = await Store.over({ database, packs });
  const events: string[] = [];
  packs.gate = async (what) => {
    events.push(what);
  };
  database.gate = async () => {
    events.push('database');
  };
  // Four full batches, and one that is not: that waits until the others are appended.
  for (let seed = 0; seed < 4 * perBatch + 1; seed++) {
    const chunk = sampleChunk(3 * seed + 1, chunkBytes);
    await store.chunks.put(chunk.id, chunk.encoded);
  }
  await store.chunks.flush();
  const appends = Array.from({ length: 5 }, () => 'append');
  expect(events).toEqual([...appends, 'sync', 'database']);
});

it('tells the database of no more at once than it should, in batches that are told whole', async () => {
  const database = new FailingDatabase();
  const store = await Store.over({ database, packs: new FailingPacks() });
  const perRow = 200;
  const rows = Array.from({ length: 6 }, (_, row) => sampleChunks(perRow * (row + 1)).slice(perRow * row));
  for (const row of rows) void giveTogether(store.chunks, row);
  await store.chunks.flush();
  const told = database.writes.map((write) => write.keys.filter(isChunk).length);
  expect(told).toEqual([5 * perRow, perRow]);
});

it('appends while others go to the disk', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const events: string[] = [];
  const syncing = gate();
  packs.gate = async (what) => {
    events.push(what);
    if (what === 'sync') await syncing.wait();
  };
  const worthSync = Math.ceil(syncBytesMin / (perBatch * chunkBytes));
  for (let seed = 0; seed < (worthSync + 2) * perBatch; seed++) {
    const chunk = sampleChunk(3 * seed + 1, chunkBytes);
    await store.chunks.put(chunk.id, chunk.encoded);
  }
  const flushed = store.chunks.flush();
  expect(await hasSettled(flushed)).toBe(false);
  expect(events.filter((event) => event === 'append')).toHaveLength(worthSync + 2);
  expect(events.indexOf('sync')).toBe(worthSync);
  expect(events.filter((event) => event === 'sync')).toHaveLength(1);
  syncing.open();
  await flushed;
  expect(events.filter((event) => event === 'sync')).toHaveLength(2);
});

it('appends three batches at once, and gives memory back in their order', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const gates: ReturnType<typeof gate>[] = [];
  packs.gate = async (what) => {
    if (what === 'sync') return;
    const held = gate();
    gates.push(held);
    await held.wait();
  };
  const given = Array.from({ length: 5 }, (_, index) =>
    giveTogether(store.chunks, [sampleChunk(6 * index + 1, 9000), sampleChunk(6 * index + 4, 9000)]),
  );
  const settled = (): Promise<boolean[]> => Promise.all(given.map(hasSettled));
  expect(await settled()).toEqual([false, false, false, false, false]);
  expect(gates).toHaveLength(3);
  gates[1]?.open();
  expect(await settled()).toEqual([false, false, false, false, false]);
  expect(gates).toHaveLength(3); // the first one holds the second one's place
  gates[0]?.open();
  expect(await settled()).toEqual([true, true, false, false, false]);
  expect(gates).toHaveLength(5);
  for (const { open } of gates) open();
  await Promise.all(given);
  await store.chunks.flush();
  expect((await store.chunks.totals()).chunks).toBe(10);
});

it('appends nothing more once an append has failed, whatever is still on its way to the disk', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const syncing = gate();
  const full = Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
  let appends = 0;
  packs.gate = async (what) => {
    if (what === 'sync') await syncing.wait();
    else if (++appends === 2) throw full;
  };
  for (let seed = 0; seed < 4 * 63; seed++) {
    const chunk = sampleChunk(3 * seed + 1, chunkBytes);
    await store.chunks.put(chunk.id, chunk.encoded).catch(() => undefined);
  }
  await expect(store.chunks.flush()).rejects.toBe(full);
  syncing.open();
  await expect(store.chunks.flush()).rejects.toBe(full);
  expect(appends).toBe(2);
});

it('writes no record twice and reads none to know what is there', async () => {
  const packs = new FailingPacks();
  const store = await Store.over({ database: new FailingDatabase(), packs });
  const large = sampleChunk(4, chunkBytes);
  for (let round = 0; round < 3; round++) {
    await store.chunks.put(large.id, large.encoded);
    await store.chunks.flush();
  }
  expect(await store.chunks.has(large.id)).toBe(true);
  expect(packs.appends).toEqual([chunkBytes + recordHeaderBytes]);
  expect(packs.reads).toBe(0);
});

it('knows where a chunk is from its append to the end of its batch, and forgets one that was there already', async () => {
  const [added, there] = [sampleChunk(1), sampleChunk(2)];
  const place = { kind: 'inline', encoded: added.encoded } as const;
  const [appended, onTheDisk] = [gate(), gate()];
  const queue = new WriteQueue({
    lookUp: async () => async () => ({ placed: [{ id: added.id, stored: place }] }),
    finish: () => {
      appended.open();
      return onTheDisk.wait();
    },
  });
  for (const { id, encoded } of [added, there]) await queue.put(frameCopy(id, encoded));
  const finished = queue.flush();
  await appended.wait();
  expect([queue.get(added.id), queue.get(there.id)]).toEqual([place, undefined]);
  onTheDisk.open();
  await finished;
  expect(queue.length).toBe(0);
});
