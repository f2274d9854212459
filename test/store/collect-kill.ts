/**
 * Kills a process again and again that collects a store and puts chunks at the same time, and looks after each kill that what
 * was needed, and what was flushed, is there, and that nothing counts as damaged. The chunks, and the moment as a number of
 * the child's reports, follow from a seed.
 */
import { join } from 'node:path';
import { expect } from 'vitest';
import { Store } from '../../src/store/index.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { endOf, forkHere } from './child.js';
import { packBytesMax, sampleOf } from './collect-sample.js';
import { scratchDirectory } from './scratch.js';

const numbersMax = 400;
const reportsMax = 40;

export async function killCollections(rounds: number, seed: number): Promise<void> {
  const choice = new SeededChoice(seed);
  const directory = join(await scratchDirectory(), 'store');
  const some = (count: number): number[] => Array.from({ length: count }, () => choice.below(numbersMax));
  for (let round = 0; round < rounds; round++) {
    const kept = new Set(some(60));
    await fill(directory, [...kept, ...some(120)]);
    const flushed = await collectAndKill(
      directory,
      { kept: [...kept], added: some(40) },
      choice.below(reportsMax),
    );
    await prove(directory, [...kept, ...flushed], `round ${round} of seed ${seed}`);
  }
  const store = await Store.open(directory, { packBytesMax });
  const collection = store.beginCollection();
  await collection.sweep();
  collection.end();
  expect((await store.chunks.totals()).chunks).toBe(0);
  await store.close();
}

async function fill(directory: string, numbers: readonly number[]): Promise<void> {
  const store = await Store.open(directory, { packBytesMax });
  for (const number of numbers) await store.chunks.put(sampleOf(number).id, sampleOf(number).encoded);
  await store.close();
}

/** @returns the chunks that the child had flushed when it was killed after `reports` reports, or ended before */
async function collectAndKill(
  directory: string,
  { kept, added }: { kept: readonly number[]; added: readonly number[] },
  reports: number,
): Promise<readonly number[]> {
  const child = forkHere('./collect-child.ts', [directory, JSON.stringify(kept), JSON.stringify(added)]);
  const flushed: number[] = [];
  let left = reports;
  child.on('message', (message: unknown) => {
    if (typeof message === 'number') flushed.push(message);
    if (left-- <= 0 || message === 'end') child.kill('SIGKILL');
  });
  await endOf(child);
  return flushed;
}

async function prove(directory: string, numbers: readonly number[], when: string): Promise<void> {
  const store = await Store.open(directory, { packBytesMax });
  for (const number of numbers) {
    const { id, plain } = sampleOf(number);
    expect(await store.chunks.get(id), `chunk ${number} after ${when}`).toEqual(plain);
  }
  const totals = await store.chunks.totals(); // before `verify`, which would put them right
  for await (const { id, ok } of store.chunks.verify()) expect(ok, `${id} after ${when}`).toBe(true);
  for await (const damage of store.chunks.checkPacks()) expect(damage, when).toBeUndefined();
  expect(await store.chunks.totals(), when).toEqual(totals);
  await store.close();
}
