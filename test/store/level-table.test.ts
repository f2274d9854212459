/** Shows that a flipped bit anywhere in a table of LevelDB is found, and every cut; and the checksum against its known value. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { crc32c } from '../../src/store/crc32c.js';
import { Store } from '../../src/store/index.js';
import { damagedLiveTables } from '../../src/store/level-table.js';
import { sampleChunks } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

/** Bytes between the flips; the footer, at the end, gets one in every byte. */
const stepBytes = 7;

it('computes the checksum that its specification gives', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283); // RFC 3720, B.4
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

it('finds a whole table that lies in the place of another one, of the same length or not', async () => {
  const directory = await scratchDirectory();
  const table = /\.ldb$/;
  const tables = async (): Promise<string[]> =>
    (await readdir(directory)).filter((name) => table.test(name)).sort();
  for (const count of [5, 1, 1]) {
    const store = await Store.open(directory); // turns the log of the one before into a table
    const value = Uint8Array.of((await tables()).length);
    for (let index = 0; index < count; index++)
      await store.commit([{ kind: 'state', key: `s${index}`, value }], { durable: true });
    await store.close();
  }
  await (await Store.open(directory)).close();
  const names = await tables();
  expect(names.length).toBeGreaterThanOrEqual(3);
  const contents = await Promise.all(names.map((name) => readFile(join(directory, name))));
  const lengths = contents.map(({ length }) => length);
  expect(new Set(lengths).size, 'two are of the same length').toBeLessThan(lengths.length);
  for (const [index, name] of names.entries()) {
    for (const [other, content] of contents.entries()) {
      await writeFile(join(directory, name), content);
      expect(await damagedLiveTables(directory), `${name} is ${names[other]}`).toEqual(
        other === index ? [] : [name],
      );
    }
    await writeFile(join(directory, name), contents[index] as Buffer);
  }
});

it('finds flipped bits and cuts everywhere in a table', async () => {
  const directory = await scratchDirectory();
  const store = await Store.open(directory);
  for (const { id, encoded } of sampleChunks(12)) await store.chunks.put(id, encoded); // more than one block
  await store.close();
  await (await Store.open(directory)).close(); // turns the log into a table
  expect(await damagedLiveTables(directory)).toEqual([]);
  const name = (await readdir(directory)).find((each) => each.endsWith('.ldb')) ?? '';
  const whole = await readFile(join(directory, name));
  for (let at = 0; at < whole.length; at += at < whole.length - 60 ? stepBytes : 1) {
    const flipped = Buffer.from(whole);
    flipped[at] = (whole[at] ?? 0) ^ (1 << (at % 8));
    for (const damaged of at % 50 === 0 ? [flipped, whole.subarray(0, at)] : [flipped]) {
      await writeFile(join(directory, name), damaged);
      expect(await damagedLiveTables(directory), `byte ${at} of ${whole.length}`).toEqual([name]);
    }
  }
  await expect(Store.open(directory)).rejects.toMatchObject({ code: 'STORE_UNOPENABLE' });

  await writeFile(join(directory, name), whole);
  await writeFile(join(directory, '000999.ldb'), 'what a crash left of a table that nothing refers to yet');
  await (await Store.open(directory)).close();
});
