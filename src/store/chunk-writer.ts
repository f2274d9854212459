/**
 * Writes batches of chunks and keeps the totals. A stored value counts as a duplicate only if it is intact; a damaged
 * one is replaced.
 */
import type { ChunkTotals } from './chunk-store.js';
import { unsealChunk } from './chunk-value.js';
import type { DamageList } from './damage-list.js';
import type { Database, Operation } from './database.js';
import { chunkRange, totalsKey } from './key.js';
import { unsealValue } from './sealed-value.js';
import { addTotals, noTotals, sealTotals, unsealTotals } from './totals.js';
import type { PendingChunk } from './write-queue.js';

export class ChunkWriter {
  /** Batches written since the store was opened: tells whether a count made meanwhile still holds. */
  revision = 0;

  private constructor(
    private readonly database: Database,
    private readonly damage: DamageList,
    private current: ChunkTotals,
  ) {}

  /** Reads the totals, or counts the chunks if the totals are damaged or missing. */
  static async open(database: Database, damage: DamageList): Promise<ChunkWriter> {
    const sealed = await database.get(totalsKey);
    const totals = sealed === undefined ? undefined : unsealTotals(sealed);
    return new ChunkWriter(database, damage, totals ?? (await countChunks(database)));
  }

  get totals(): ChunkTotals {
    return this.current;
  }

  /** Puts right what a full count found; written with the next batch. */
  correctTotals(counted: ChunkTotals): void {
    this.current = counted;
  }

  /** Writes those of `chunks`, all different, that are not stored intact, and the totals with them: all or none. */
  async write(chunks: readonly PendingChunk[]): Promise<void> {
    const stored = await this.database.getMany(chunks.map((chunk) => chunk.key));
    const added = chunks.filter((_, index) => stored[index] === undefined);
    const replaced = chunks.filter((chunk, index) => this.isDamaged(chunk, stored[index]));
    const operations = [...added, ...replaced].map(
      (chunk): Operation => ({ type: 'put', key: chunk.key, value: chunk.value }),
    );
    if (operations.length === 0) return;
    // A replaced chunk was counted when it first came: the same id is the same plain bytes.
    const totals = added.map(totalsOf).reduce(addTotals, this.current);
    operations.push({ type: 'put', key: totalsKey, value: sealTotals(totals) });
    await this.database.write(operations, { sync: false });
    this.current = totals;
    this.revision += 1;
    for (const chunk of replaced) this.damage.forget(chunk.id);
  }

  private isDamaged(chunk: PendingChunk, stored: Uint8Array | undefined): boolean {
    if (stored === undefined) return false;
    return this.damage.has(chunk.id) || unsealValue(chunk.key, stored) === undefined;
  }
}

function totalsOf(chunk: PendingChunk): ChunkTotals {
  return { chunks: 1, bytes: chunk.value.length, plainBytes: chunk.plainLength };
}

async function countChunks(database: Database): Promise<ChunkTotals> {
  let totals = noTotals;
  for await (const [key, value] of database.entries(chunkRange)) {
    const plainBytes = unsealChunk(key, value)?.plainLength ?? 0;
    totals = addTotals(totals, { chunks: 1, bytes: value.length, plainBytes });
  }
  return totals;
}
