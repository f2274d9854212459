/**
 * The life of a store under a seed, on the crash disk: chunks small and large, alone and together, duplicates, commits durable and not, syncs,
 * closing and opening again, with packs and logs so small that they are soon full. A ledger says what was promised when,
 * and `checkPromises` holds a store to it after a crash.
 */
import { expect } from 'vitest';
import { type ChunkTotals, Store } from '../../src/store/index.js';
import { mountPoint } from '../support/crash-disk/crash-disk.js';
import { levelRecovery, levelSettings } from '../support/crash-disk/crash-level.js';
import { theDisk } from '../support/crash-disk/mount.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { giveTogether, type SampleChunk, sampleChunk } from './sample-chunk.js';

export const storeDirectory = `${mountPoint}/store`;
/** Three large chunks fill a pack, a few batches a log. */
const packBytesMax = 20_000;
levelSettings.logBytesMax = 1500;
const largeBytes = 5500;
const distinctChunks = 24;

/** What a sync or a durable commit promised: all that was put and committed before it. */
interface Promised {
  /** Operations of the disk that had been made when it was promised. */
  readonly at: number;
  readonly puts: number;
  readonly commits: number;
}

/** Chunks that a collection was free to delete from one moment on, unless they were put again later. */
interface Dropped {
  readonly at: number;
  readonly puts: number;
  readonly seeds: ReadonlySet<number>;
}

/** What was done and what was promised. */
export class Ledger {
  readonly promised: Promised[];
  readonly dropped: Dropped[] = [];

  /**
   * @param puts - seeds of the chunks in the order in which they were put; those given are there already
   * @param commits - for each commit, how many puts came before it
   */
  constructor(
    readonly puts: number[] = [],
    readonly commits: number[] = [],
    /** Whether no batch was lost before one that is there. */
    readonly isWithoutHole = true,
  ) {
    this.promised = [{ at: 0, puts: puts.length, commits: commits.length }];
  }

  promise(puts: number, commits: number): void {
    this.promised.push({ at: theDisk().operations.length, puts, commits });
  }

  /** Nobody needs `seeds` any more. */
  drop(seeds: ReadonlySet<number>): void {
    this.dropped.push({ at: theDisk().operations.length, puts: this.puts.length, seeds });
  }

  /** Those of the first `puts` chunks that no collection was free to delete before `count` operations had been made. */
  needed(puts: number, count: number): number[] {
    return this.puts
      .slice(0, puts)
      .filter(
        (seed, put) =>
          !this.dropped.some((drop) => drop.at <= count && drop.puts > put && drop.seeds.has(seed)),
      );
  }
}

const samples = new Map<number, SampleChunk>();

/** Made once: every third is small, and of the others one in three compresses well. */
function sample(seed: number): SampleChunk {
  let chunk = samples.get(seed);
  if (chunk === undefined) {
    chunk = sampleChunk(seed, seed % 3 === 1 ? 700 : largeBytes);
    samples.set(seed, chunk);
  }
  return chunk;
}

/** @param onDamage - by default a test fails: a power cut damages nothing that the store speaks of */
export function openStore(
  onDamage = (id: string): void => expect.fail(`chunk ${id} is said to be damaged after a crash`),
): Promise<Store> {
  return Store.open(storeDirectory, { packBytesMax, directBytesMin: 1, onDamage });
}

/** Lives on in `store` for so many steps, and tells of each opening. @returns the store that is open then */
export async function live(
  store: Store,
  ledger: Ledger,
  { seed, steps }: { seed: number; steps: number },
  onOpen: (store: Store) => void = () => {},
): Promise<Store> {
  const choice = new SeededChoice(seed);
  let open = store;
  for (let step = 0; step < steps; step++) {
    const what = choice.below(20);
    if (what < 8) await put(open, ledger, choice.below(distinctChunks));
    else if (what < 11) await putTogether(open, ledger, choice);
    else if (what < 13) await open.chunks.flush();
    else if (what < 15) await sync(open, ledger);
    else if (what < 17) await commit(open, ledger, { durable: false });
    else if (what === 17) await commit(open, ledger, { durable: true });
    else if (what === 18) await collect(open, ledger, choice);
    else {
      await open.close();
      open = await openStore();
      onOpen(open);
    }
  }
  return open;
}

async function put(store: Store, ledger: Ledger, seed: number): Promise<void> {
  const { id, encoded } = sample(seed);
  ledger.puts.push(seed);
  await store.chunks.put(id, encoded);
}

/** Some rows, on their way at once, each a bundle or a run: of chunks that compress well, or of the others. */
async function putTogether(store: Store, ledger: Ledger, choice: SeededChoice): Promise<void> {
  const rows = Array.from({ length: 1 + choice.below(4) }, () => {
    const [first, kind, length] = [choice.below(distinctChunks / 3), choice.below(3), 1 + choice.below(4)];
    return Array.from({ length }, (_, index) => (3 * (first + index) + kind) % distinctChunks);
  });
  ledger.puts.push(...rows.flat());
  await Promise.all(rows.map((row) => giveTogether(store.chunks, row.map(sample))));
}

async function sync(store: Store, ledger: Ledger): Promise<void> {
  const [puts, commits] = [ledger.puts.length, ledger.commits.length];
  await store.chunks.sync();
  ledger.promise(puts, commits);
}

/** Deletes about half of the chunks, and lets packs be written anew. */
async function collect(store: Store, ledger: Ledger, choice: SeededChoice): Promise<void> {
  const collection = store.beginCollection();
  try {
    const dropped = new Set<number>();
    for (let seed = 0; seed < distinctChunks; seed++) {
      if (choice.below(2) === 0) dropped.add(seed);
      else collection.keep(sample(seed).id);
    }
    ledger.drop(dropped);
    await collection.sweep();
  } finally {
    collection.end();
  }
}

/** Commits two records that say the same: the number of the commit. A durable one also names all chunks put before it. */
async function commit(store: Store, ledger: Ledger, { durable }: { durable: boolean }): Promise<void> {
  const puts = ledger.puts.length;
  ledger.commits.push(puts);
  const commits = ledger.commits.length;
  const value = Uint8Array.from(Buffer.from(String(commits)));
  const pair = ['one', 'two'].map((key) => ({ kind: 'state', key, value }) as const);
  const root = durable ? [{ kind: 'root', key: 'root', value } as const] : [];
  await store.commit([...pair, ...root], { durable });
  if (durable) ledger.promise(puts, commits);
}

/**
 * Holds `store` to the promises made until `count` operations of the disk had been made; what happened later may or may not
 * be there.
 * @returns the ledger of what is there for good, to live on with
 */
export async function checkPromises(store: Store, ledger: Ledger, count: number): Promise<Ledger> {
  const promised = ledger.promised.findLast(({ at }) => at <= count);
  if (promised === undefined) throw new Error('the first promise is that of nothing');
  const served = await checkServed(store);
  const mustServe = (puts: number, why: string): void => {
    for (const seed of ledger.needed(puts, count))
      expect(served.has(seed), `chunk ${seed} is lost: ${why}`).toBe(true);
  };
  mustServe(promised.puts, 'it was synced');
  const [one, two, root] = await Promise.all([
    numberIn(store, 'state', 'one'),
    numberIn(store, 'state', 'two'),
    numberIn(store, 'root', 'root'),
  ]);
  expect(one, 'a commit is there in part').toBe(two);
  expect(one, 'a commit is lost').toBeGreaterThanOrEqual(promised.commits);
  expect(one, 'a commit that never was').toBeLessThanOrEqual(ledger.commits.length);
  expect(root, 'a durable commit is there in part').toBeLessThanOrEqual(one);
  const named = ledger.commits[root - 1] ?? 0;
  mustServe(named, `durable commit ${root} names it`);
  const totals = await store.chunks.totals(); // before `verify`, which would put them right
  const counted = await recount(store);
  // Totals are absolute, so a lost batch before one that is there makes them wrong: LevelDB alone could tell.
  const isWithoutHole = ledger.isWithoutHole && !levelRecovery.hasHole;
  if (isWithoutHole) expect(totals, 'the totals are wrong').toEqual(counted);
  expect(await store.chunks.totals(), 'verify puts the totals right').toEqual(counted);
  const puts = ledger.needed(Math.max(promised.puts, named), count);
  const commits = ledger.commits.slice(0, one).map((named) => Math.min(named, puts.length));
  return new Ledger(puts, commits, isWithoutHole);
}

/** Each chunk is as it was put, or is not there and is not said to be. */
async function checkServed(store: Store): Promise<Set<number>> {
  const served = new Set<number>();
  for (let seed = 0; seed < distinctChunks; seed++) {
    const { id, plain } = sample(seed);
    const bytes = await store.chunks.get(id);
    if (bytes !== undefined) {
      expect(Buffer.compare(bytes, plain), `chunk ${seed} has wrong bytes`).toBe(0);
      served.add(seed);
    }
    expect(await store.chunks.has(id), `whether chunk ${seed} is there`).toBe(bytes !== undefined);
  }
  return served;
}

async function numberIn(store: Store, kind: 'state' | 'root', key: string): Promise<number> {
  const value = await store.getRecord(kind, key);
  return value === undefined ? 0 : Number(Buffer.from(value).toString());
}

async function recount(store: Store): Promise<ChunkTotals> {
  const totals = { chunks: 0, bytes: 0, plainBytes: 0 };
  const onProgress = ({ bytes }: { bytes: number }): void => {
    totals.bytes = bytes;
  };
  for await (const { id, ok } of store.chunks.verify({ onProgress })) {
    expect(ok, `chunk ${id} fails verify`).toBe(true);
    totals.chunks += 1;
    totals.plainBytes += (await store.chunks.get(id))?.length ?? 0;
  }
  return totals;
}
