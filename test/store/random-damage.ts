/**
 * One random damage to the files of a store, and what must come of it. The damage and its place follow from the seed.
 *
 * 1. The store opens, or refuses with a clear error; then a rebuild of the index makes it open.
 * 2. What is read is right or absent, chunks and records alike: never a wrong byte.
 * 3. No loss is silent: of each chunk that cannot be read, `verify` says that it is damaged, or `has` that it is missing
 *    (a verification of the share asks it for every chunk that its tree names).
 * 4. After a repair all is right, without a word from `verify` or `checkPacks`. A repair puts the chunks that were lost
 *    again, as from a peer, and rebuilds the index where that is damaged.
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { ChunkId } from '../../src/chunking/index.js';
import { isShoalError } from '../../src/error.js';
import { type PackDamage, rebuildStore, Store } from '../../src/store/index.js';
import { packHeaderBytes, recordHeaderBytes } from '../../src/store/pack-record.js';
import { seededRandom } from '../gossip/seeded-random.js';
import { giveTogether, type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const chunkBytes = 4500;
/** Three records fill a pack. */
const packBytesMax = packHeaderBytes + 3 * (recordHeaderBytes + chunkBytes);
/** Chunks that lie in packs, and some that lie in values. */
const alone = Array.from({ length: 16 }, (_, index) =>
  index % 2 === 0 ? sampleChunk(3 * index + 1, chunkBytes) : sampleChunk(3 * index + 2, 400),
);
/** Chunks that lie in bundles and in runs, so many in each. */
const bundled = Array.from({ length: 12 }, (_, index) => sampleChunk(300 + 3 * index, 1500));
const inRuns = Array.from({ length: 12 }, (_, index) => sampleChunk(400 + 3 * index, 1000));
const groupChunks = 3;
const samples = [...alone, ...bundled, ...inRuns];
const records = ['a', 'b', 'c', 'd'].map((key, index) => ({
  kind: 'member' as const,
  key,
  value: new Uint8Array(60).fill(index),
}));

/** Files of a store by their paths in it. */
type StoreFiles = ReadonlyMap<string, Buffer>;

/** The files of a store that holds `samples` and `records`: finished packs and an active one, tables and a log. */
async function storeFiles(scratch: string): Promise<StoreFiles> {
  const directory = join(scratch, 'whole');
  const parts = 4;
  for (let part = 0; part < parts; part++) {
    const store = await Store.open(directory, { packBytesMax });
    for (const { id, encoded } of alone.filter(
      (_, index) => Math.floor((index * parts) / alone.length) === part,
    )) {
      await store.chunks.put(id, encoded);
      await store.chunks.flush();
    }
    for (const grouped of [bundled, inRuns])
      await giveTogether(store.chunks, grouped.slice(part * groupChunks, (part + 1) * groupChunks));
    await store.chunks.flush();
    await store.commit(records.slice(part, part + 1), { durable: true });
    await store.close(); // the next opening turns the log into a table
  }
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = new Map<string, Buffer>();
  for (const path of paths) {
    if (!/\/LO(?:CK|G|G\.old)$/.test(path)) files.set(relative(directory, path), await readFile(path));
  }
  return files;
}

type Random = (below: number) => number;
type Files = Map<string, Buffer>;

/** Blocks that change places or go bad together. */
const blockBytes = 512;

const damages: Readonly<Record<string, (files: Files, name: string, random: Random) => void>> = {
  flip(files, name, random) {
    const content = contentOf(files, name);
    for (let flips = 1 + random(3); flips > 0; flips--) {
      const at = random(content.length);
      content[at] = (content[at] ?? 0) ^ (1 << random(8));
    }
  },
  truncate(files, name, random) {
    const content = contentOf(files, name);
    files.set(name, content.subarray(0, random(content.length)));
  },
  zero(files, name, random) {
    const content = contentOf(files, name);
    const at = random(content.length);
    content.fill(0, at, Math.min(content.length, at + blockBytes));
  },
  swapBlocks(files, name, random) {
    const content = contentOf(files, name);
    const count = Math.floor(content.length / blockBytes);
    if (count < 2) return;
    const [one, other] = [random(count) * blockBytes, random(count) * blockBytes];
    const kept = Buffer.from(content.subarray(one, one + blockBytes));
    content.copyWithin(one, other, other + blockBytes);
    content.set(kept, other);
  },
  swapFiles(files, name, random) {
    const kind = /[^.]*$/.exec(name)?.[0] ?? '';
    const alike = [...files.keys()].filter((each) => each.endsWith(kind));
    const other = pick(alike, random);
    const kept = contentOf(files, name);
    files.set(name, contentOf(files, other));
    files.set(other, kept);
  },
  remove(files, name) {
    files.delete(name);
  },
};

function contentOf(files: Files, name: string): Buffer {
  return files.get(name) ?? Buffer.alloc(0);
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[random(from.length)] as T;
}

/** Files here are in memory: no case is about what the disk has. */
const memoryDirectory = existsSync('/dev/shm') ? '/dev/shm' : undefined;

/** What came of one damage: for the counts that tell whether the test reaches what it should. */
export interface Outcome {
  readonly what: string;
  readonly opened: boolean;
  readonly lost: number;
  readonly rebuilt: boolean;
}

/** Does the damage number `seed` to a copy of `whole` in `scratch`. @throws Error that says what went wrong */
async function damageCase(seed: number, whole: StoreFiles, scratch: string): Promise<Outcome> {
  const next = seededRandom(seed);
  const random: Random = (below) => Math.floor(next() * below);
  const files: Files = new Map([...whole].map(([name, content]) => [name, Buffer.from(content)]));
  const kinds = [/\.pack$/, /\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/];
  const kind = pick(kinds, random);
  const name = pick([...files.keys()].filter((each) => kind.test(each)).sort(), random);
  const way = pick(Object.keys(damages), random);
  damages[way]?.(files, name, random);
  const what = `${way} ${name}`;
  const directory = join(scratch, `case-${seed}`);
  try {
    return { what, ...(await checkDamaged(directory, files)) };
  } catch (error) {
    throw new Error(`seed ${seed} (${what}): ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function checkDamaged(directory: string, files: StoreFiles): Promise<Omit<Outcome, 'what'>> {
  for (const [name, content] of files) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  let store = await openDamaged(directory);
  const opened = store !== undefined;
  let rebuilt = !opened;
  store ??= await rebuildAndOpen(directory);
  try {
    const lost = await checkServed(store);
    const findings = await findingsOf(store, lost);
    if (findings.isIndexDamaged) {
      rebuilt = true;
      await store.close();
      store = await rebuildAndOpen(directory);
      await checkServed(store);
    }
    await repair(store);
    const left = await findingsOf(store, []);
    if (left.isIndexDamaged || left.bad.size > 0 || left.packs.length > 0)
      throw new Error(
        `after the repair there is still damage: ${JSON.stringify([...left.bad, ...left.packs])}`,
      );
    const missing = await checkServed(store);
    if (missing.length > 0) throw new Error(`${missing.length} chunks cannot be read after the repair`);
    return { opened, lost: lost.length, rebuilt };
  } finally {
    await store.close();
  }
}

async function openDamaged(directory: string): Promise<Store | undefined> {
  try {
    return await Store.open(directory, { packBytesMax });
  } catch (error) {
    if (isShoalError(error, 'STORE_UNOPENABLE') || isShoalError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

async function rebuildAndOpen(directory: string): Promise<Store> {
  await rebuildStore(directory, { quarantine: join(directory, 'quarantine') });
  return Store.open(directory, { packBytesMax });
}

/** Reads everything. @returns the chunks that cannot be read @throws Error at a wrong byte */
async function checkServed(store: Store): Promise<SampleChunk[]> {
  const lost: SampleChunk[] = [];
  for (const sample of samples) {
    const { id, plain, encoded } = sample;
    const got = await orDamaged(store.chunks.get(id));
    if (got === undefined) lost.push(sample);
    else if (!same(got, plain)) throw new Error(`get serves wrong bytes for ${id}`);
    const served = await orDamaged(store.chunks.getEncoded(id));
    if (served !== undefined && !same(served.bytes, encoded.bytes))
      throw new Error(`getEncoded serves wrong bytes for ${id}`);
  }
  for (const { kind, key, value } of records) {
    const got = await orDamaged(store.getRecord(kind, key));
    if (got !== undefined && !same(got, value)) throw new Error(`the record ${key} is a wrong one`);
  }
  return lost;
}

/** What `reading` gives; undefined if it says that it is damaged. */
async function orDamaged<T>(reading: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isShoalError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

interface Findings {
  readonly bad: ReadonlySet<ChunkId>;
  readonly packs: readonly PackDamage[];
  readonly isIndexDamaged: boolean;
}

/** What a verification finds. @throws Error if it finds nothing wrong with one of `lost` */
async function findingsOf(store: Store, lost: readonly SampleChunk[]): Promise<Findings> {
  const bad = new Set<ChunkId>();
  const packs: PackDamage[] = [];
  let isIndexDamaged = false;
  try {
    for await (const { id, ok } of store.chunks.verify()) if (!ok) bad.add(id);
    for await (const damage of store.chunks.checkPacks()) packs.push(damage);
  } catch (error) {
    if (!isShoalError(error, 'STORE_DAMAGED')) throw error;
    isIndexDamaged = true;
  }
  isIndexDamaged ||= packs.some(({ problem }) => problem === 'index');
  for (const { id } of lost) {
    const isReported = bad.has(id) || isIndexDamaged || !(await store.chunks.has(id));
    if (!isReported) throw new Error(`${id} cannot be read, and nothing says so`);
  }
  return { bad, packs, isIndexDamaged };
}

/** Puts again what a peer would give, then takes the packs for what they are. */
async function repair(store: Store): Promise<void> {
  for (const { id, encoded } of samples) await store.chunks.put(id, encoded);
  await store.chunks.sync();
  const { packs } = await findingsOf(store, []);
  await store.chunks.settlePacks(packs.map(({ pack }) => pack));
}

/**
 * Does the damages number `from` and on, one after another, where files are quick.
 * @throws Error at the first one that is not survived; its message has the seed
 */
export async function surviveDamages({ from, count }: { from: number; count: number }): Promise<Outcome[]> {
  const scratch = await scratchDirectory(memoryDirectory);
  const whole = await storeFiles(scratch);
  const outcomes: Outcome[] = [];
  for (let seed = from; seed < from + count; seed++) outcomes.push(await damageCase(seed, whole, scratch));
  return outcomes;
}
