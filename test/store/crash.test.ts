/**
 * Shows what `kill -9` leaves behind: everything that was flushed or committed is there, no record is ahead of its
 * chunks, and the totals are those of a recount. A child process writes without end and is killed after as many
 * reports as the seed says, several times over one store.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packedBytesMin } from '../../src/store/chunk-value.js';
import { type ChunkTotals, Store } from '../../src/store/index.js';
import { recordHeaderBytes } from '../../src/store/pack-record.js';
import { endOf, forkHere, messageOf } from './child.js';
import { sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const isNumber = (message: unknown): message is number => typeof message === 'number';
/** Bytes that a chunk takes beyond its encoded ones when it lies in a value. */
const inlineOverheadBytes = 10;
const reportsBeforeKill = [1, 9, 4];

/** Kills a writer after `reports` reports. @returns the last number that it reported as flushed */
async function writeAndKill(directory: string, first: number, reports: number): Promise<number> {
  const child = forkHere('./crash-child.ts', [directory, String(first)]);
  let last = first;
  for (let report = 0; report < reports; report++) last = await messageOf(child, isNumber);
  child.kill('SIGKILL');
  await endOf(child);
  return last;
}

async function recount(store: Store): Promise<ChunkTotals> {
  const totals = { chunks: 0, bytes: 0, plainBytes: 0 };
  for await (const { id, ok } of store.chunks.verify()) {
    expect(ok).toBe(true);
    const encoded = await store.chunks.getEncoded(id);
    totals.chunks += 1;
    const length = encoded?.bytes.length ?? 0;
    totals.bytes += length + (length < packedBytesMin ? inlineOverheadBytes : recordHeaderBytes);
    totals.plainBytes += encoded?.plainLength ?? 0;
  }
  return totals;
}

it('keeps what was flushed, in order, with right totals', async () => {
  const directory = join(await scratchDirectory(), 'store');
  let first = 0;
  for (const reports of reportsBeforeKill) {
    const flushed = await writeAndKill(directory, first, reports);
    const store = await Store.open(directory);
    const totals = await store.chunks.totals(); // before `verify`, which would put them right
    const record = (await store.getRecord('state', 'last')) ?? Uint8Array.of(0, 0);
    const committed = ((record[0] ?? 0) << 8) | (record[1] ?? 0);
    for (let seed = 0; seed <= Math.max(flushed, committed); seed++) {
      expect(await store.chunks.has(sampleChunk(seed, 20_000).id), `chunk ${seed} of ${flushed}`).toBe(true);
    }
    expect(totals.chunks).toBeGreaterThan(flushed);
    expect(await recount(store)).toEqual(totals);
    await store.close();
    first = totals.chunks;
  }
});
