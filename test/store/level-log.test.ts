/** Shows that a log of LevelDB that would make it abort the process is refused, healed by a rebuild, and never mistaken for a whole one. */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { crc32c } from '../../src/store/crc32c.js';
import { rebuildStore, Store } from '../../src/store/index.js';
import { foreignLogs } from '../../src/store/level-log-check.js';
import { sampleChunk, sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const blockBytes = 32 * 1024;
const headerBytes = 7;
const logName = '000003.log';

/** A log of `records`, as LevelDB's `log_writer.cc` makes it. */
function logOf(...records: readonly Buffer[]): Buffer {
  const made: Buffer[] = [];
  let at = 0;
  const add = (bytes: Buffer): void => {
    made.push(bytes);
    at += bytes.length;
  };
  for (const record of records) {
    let done = 0;
    do {
      if (blockBytes - (at % blockBytes) < headerBytes) add(Buffer.alloc(blockBytes - (at % blockBytes)));
      const bytes = record.subarray(done, done + blockBytes - (at % blockBytes) - headerBytes);
      const [isFirst, isLast] = [done === 0, done + bytes.length === record.length];
      add(partOf(bytes, isFirst ? (isLast ? 1 : 2) : isLast ? 4 : 3));
      done += bytes.length;
    } while (done < record.length);
  }
  return Buffer.concat(made);
}

function partOf(bytes: Buffer, type: number): Buffer {
  const part = Buffer.concat([Buffer.alloc(headerBytes), bytes]);
  part.writeUInt16LE(bytes.length, 4);
  part.writeUInt8(type, 6);
  const crc = crc32c(part.subarray(6));
  part.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0, 0);
  return part;
}

/** A batch of one deletion of a key of `keyBytes` (at least 128). */
function batch({ first = 1n, count = 1, keyBytes = 200 } = {}): Buffer {
  const head = Buffer.alloc(16);
  head.writeBigUInt64LE(first, 0);
  head.writeInt32LE(count, 8);
  head.writeUInt8(0, 12);
  const length = Buffer.of((keyBytes & 0x7f) | 0x80, ((keyBytes >> 7) & 0x7f) | 0x80, keyBytes >> 14);
  length.copy(head, 13);
  return Buffer.concat([head, Buffer.alloc(keyBytes, 'k')]);
}

async function directoryWithLog(log: Buffer): Promise<string> {
  const directory = await scratchDirectory();
  await writeFile(join(directory, logName), log);
  return directory;
}

const isRefused = async (log: Buffer): Promise<boolean> =>
  (await foreignLogs(await directoryWithLog(log))).length > 0;

/** A closed store whose log has `count` chunks. */
async function closedStore(count: number): Promise<{ directory: string; log: string }> {
  const directory = await scratchDirectory();
  const store = await Store.open(directory);
  for (const { id, encoded } of sampleChunks(count)) await store.chunks.put(id, encoded);
  await store.close();
  const log = (await readdir(directory)).find((name) => name.endsWith('.log')) ?? '';
  return { directory, log };
}

it('refuses a store whose log is another of its files, and a rebuild makes it open', async () => {
  const { directory, log } = await closedStore(10);
  const manifest = (await readFile(join(directory, 'CURRENT'), 'latin1')).trim();
  await copyFile(join(directory, manifest), join(directory, log));
  await expect(Store.open(directory)).rejects.toMatchObject({
    code: 'STORE_UNOPENABLE',
    message: expect.stringContaining(`its log ${log} holds`) as string,
  });
  await rebuildStore(directory, { quarantine: join(directory, 'quarantine') });
  const store = await Store.open(directory);
  const { id, encoded, plain } = sampleChunk(1, 400);
  await store.chunks.put(id, encoded);
  expect(await store.chunks.get(id)).toEqual(plain);
  await store.close();
});

it('refuses a store whose log is one of its own of an earlier time, and a rebuild brings back what came later', async () => {
  const { directory, log } = await closedStore(3);
  const older = await readFile(join(directory, log));
  const change = async (value: string): Promise<void> => {
    const store = await Store.open(directory);
    await store.commit([{ kind: 'state', key: 'local', value: Buffer.from(value) }], { durable: true });
    await store.close(); // the next opening turns the log into a table
  };
  for (const value of ['first', 'second']) await change(value);
  await (await Store.open(directory)).close();
  const newest = (await readdir(directory)).find((name) => name.endsWith('.log')) ?? '';
  await writeFile(join(directory, newest), older);
  await expect(Store.open(directory)).rejects.toMatchObject({
    code: 'STORE_UNOPENABLE',
    message: expect.stringContaining(`its log ${newest} holds`) as string,
  });
  await rebuildStore(directory, { quarantine: join(directory, 'quarantine') });
  const store = await Store.open(directory);
  expect(Buffer.from((await store.getRecord('state', 'local')) ?? []).toString()).toBe('second');
  const { id, plain } = sampleChunk(1);
  expect(await store.chunks.get(id)).toEqual(plain);
  await store.close();
});

it('survives every number of a write: refused, or written behind', async () => {
  for (const first of [2n ** 47n, 2n ** 48n, 2n ** 56n - 1n, 2n ** 56n, 2n ** 64n - 1n]) {
    const { directory, log } = await closedStore(1);
    await writeFile(join(directory, log), logOf(batch({ first })));
    if (first < 2n ** 48n) {
      const store = await Store.open(directory);
      const { id, encoded } = sampleChunk(2, 400);
      await store.chunks.put(id, encoded);
      expect(await store.chunks.has(id)).toBe(true);
      await store.close();
    } else {
      await expect(Store.open(directory)).rejects.toMatchObject({ code: 'STORE_UNOPENABLE' });
      await rebuildStore(directory, { quarantine: join(directory, 'quarantine') }); // repairs a copy of that log
    }
    await (await Store.open(directory)).close();
  }
});

it('refuses a count that makes the last number negative, and a record too short for a batch', async () => {
  expect(await isRefused(logOf(batch({ first: 0n, count: 0 })))).toBe(true);
  expect(await isRefused(logOf(batch({ first: 5n, count: -5 })))).toBe(true);
  expect(await isRefused(logOf(batch({ first: 1n, count: 0 })))).toBe(false);
  expect(await isRefused(logOf(batch(), batch().subarray(0, 11)))).toBe(true);
  expect(await isRefused(logOf(Buffer.alloc(0)))).toBe(true);
  expect(await isRefused(Buffer.alloc(2 * blockBytes))).toBe(false); // a file made longer, not yet written
});

it('finds the record wherever its parts lie, and in whatever block', async () => {
  const bad = batch({ first: 2n ** 56n, keyBytes: 3 * blockBytes });
  for (let room = 0; room <= 40; room++) {
    const before = batch({ keyBytes: blockBytes - headerBytes - 16 - room });
    expect(await isRefused(logOf(before, bad)), `${room} bytes left in the block`).toBe(true);
    expect(await isRefused(logOf(before, batch()))).toBe(false);
  }
  const many = Array.from({ length: 40 }, () => batch({ keyBytes: blockBytes }));
  expect(await isRefused(logOf(...many, bad))).toBe(true); // behind what is read at once
  expect(await isRefused(logOf(...many))).toBe(false);
});

it('leaves to LevelDB what that leaves out: records that are damaged or cut', async () => {
  const log = logOf(batch({ first: 2n ** 56n, keyBytes: 2 * blockBytes }));
  for (const at of [0, headerBytes + 7, blockBytes + 100, log.length - 1]) {
    const flipped = Buffer.from(log);
    flipped[at] = (log[at] ?? 0) ^ 1;
    expect(await isRefused(flipped), `bit flipped at ${at}`).toBe(false);
    expect(await isRefused(log.subarray(0, at)), `cut at ${at}`).toBe(false);
  }
});

it('finds nothing in the log of a store', async () => {
  const { directory, log } = await closedStore(300);
  expect((await readFile(join(directory, log))).length).toBeGreaterThan(blockBytes);
  expect(await foreignLogs(directory)).toEqual([]);
  await (await Store.open(directory)).close();
});
