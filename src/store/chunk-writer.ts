/**
 * Writes batches of chunks and keeps the totals: first the records to a pack, then the values that speak of them. A
 * stored chunk counts as a duplicate only if its value is intact and its pack reaches as far as the value says; else it
 * is replaced. Packs are not read for that.
 */
import assert from 'node:assert/strict';
import type { ChunkId } from '../chunking/index.js';
import type { ChunkTotals } from './chunk-store.js';
import { type StoredChunk, sealLocation, storedBytesOf, unsealChunk } from './chunk-value.js';
import type { DamageList } from './damage-list.js';
import type { Database, Operation } from './database.js';
import { chunkKey, chunkRange, packStateKey, totalsKey } from './key.js';
import type { PackLocation } from './pack-location.js';
import { recordHeaderBytes } from './pack-record.js';
import { sealPackState } from './pack-state.js';
import type { Packs } from './packs.js';
import { RecentLocations } from './recent-locations.js';
import { addTotals, noTotals, sealTotals, subtractTotals, unsealTotals } from './totals.js';
import type { PendingChunk } from './write-queue.js';

/** A batch whose records are in a pack, and that the database does not know of. */
export interface AppendedBatch {
  readonly added: readonly PendingChunk[];
  readonly replaced: readonly PendingChunk[];
  readonly values: readonly Operation[];
  readonly locations: ReadonlyMap<ChunkId, PackLocation>;
}

export class ChunkWriter {
  /** Batches written since the store was opened: tells whether a count made meanwhile still holds. */
  revision = 0;
  readonly recent = new RecentLocations();

  private constructor(
    private readonly database: Database,
    private readonly packs: Packs,
    private readonly damage: DamageList,
    private current: ChunkTotals,
  ) {}

  /** Reads the totals, or counts the chunks if the totals are damaged or missing. */
  static async open(database: Database, packs: Packs, damage: DamageList): Promise<ChunkWriter> {
    const sealed = await database.get(totalsKey);
    const totals = sealed === undefined ? undefined : unsealTotals(sealed);
    return new ChunkWriter(database, packs, damage, totals ?? (await countChunks(database)));
  }

  get totals(): ChunkTotals {
    return this.current;
  }

  /** Puts right what a full count found; written with the next batch. */
  correctTotals(counted: ChunkTotals): void {
    this.current = counted;
  }

  /**
   * The first part of writing those of `chunks`, all different, that are not stored intact: they are looked up.
   * @returns the second part: their records are appended
   */
  async lookUp(chunks: readonly PendingChunk[]): Promise<() => Promise<AppendedBatch>> {
    const stored = await this.database.getMany(chunks.map((chunk) => chunk.key));
    const added = chunks.filter((_, index) => stored[index] === undefined);
    const replaced = await this.damaged(chunks, stored);
    return async () => {
      const locations = new Map<ChunkId, PackLocation>();
      const values = await this.writePacked([...added, ...replaced], locations);
      return { added, replaced, values, locations };
    };
  }

  /** The third part: the records are put on the disk, and then the database is told of them, batch by batch. */
  async finish(batches: readonly AppendedBatch[]): Promise<void> {
    // First: after a power cut the database's log may be whole where the pack, though as long as it was, has zeros.
    // Such a chunk would count as a duplicate when it comes again, and be lost for good.
    if (batches.some(({ locations }) => locations.size > 0)) await this.packs.sync();
    for (const batch of batches) await this.tell(batch);
  }

  /** Tells the database of a batch, and the totals with it: all or none. */
  private async tell({ added, replaced, values, locations }: AppendedBatch): Promise<void> {
    if (values.length === 0) return;
    // A replaced chunk was counted when it first came: the same id is the same plain bytes.
    const totals = added.map(totalsOf).reduce(addTotals, this.current);
    await this.database.write([...values, { type: 'put', key: totalsKey, value: sealTotals(totals) }], {
      sync: false,
    });
    this.current = totals;
    this.revision += 1;
    for (const chunk of replaced) this.damage.forget(chunk.id);
    for (const [id, location] of locations) this.recent.note(id, location);
  }

  /** Takes chunks out, and their totals with them: all or none. What they took in packs stays until those are rewritten. */
  async delete(ids: readonly ChunkId[]): Promise<ChunkTotals> {
    const keys = ids.map(chunkKey);
    const stored = await this.database.getMany(keys);
    const gone = keys.flatMap((key, index): ChunkTotals[] => {
      const sealed = stored[index];
      return sealed === undefined ? [] : [totalsOfValue(key, sealed)];
    });
    const deleted = gone.reduce(addTotals, noTotals);
    if (deleted.chunks === 0) return noTotals;
    const totals = subtractTotals(this.current, deleted);
    const operations = keys.map((key): Operation => ({ type: 'del', key }));
    operations.push({ type: 'put', key: totalsKey, value: sealTotals(totals) });
    await this.database.write(operations, { sync: false });
    this.current = totals;
    this.revision += 1;
    for (const id of ids) {
      this.damage.forget(id);
      this.recent.forget(id);
    }
    return deleted;
  }

  /**
   * Writes the records among `chunks` to a pack, and notes in `locations` where they lie.
   * @returns the operations that write the values of `chunks`
   */
  private async writePacked(
    chunks: readonly PendingChunk[],
    locations: Map<ChunkId, PackLocation>,
  ): Promise<Operation[]> {
    const inline = chunks.filter((chunk) => !chunk.packed);
    const operations = inline.map(
      (chunk): Operation => ({ type: 'put', key: chunk.key, value: chunk.written }),
    );
    const packed = chunks.filter((chunk) => chunk.packed);
    if (packed.length === 0) return operations;
    const places = await this.packs.append(packed.map((chunk) => chunk.written));
    packed.forEach(({ id, key, encoded: { codec, plainLength, bytes } }, index) => {
      const place = places[index];
      assert(place !== undefined, 'every record that was appended has a place');
      const location = { ...place, codec, plainLength, encodedLength: bytes.length };
      operations.push({ type: 'put', key, value: sealLocation(key, location) });
      locations.set(id, location);
    });
    operations.push({ type: 'put', key: packStateKey, value: sealPackState(this.packs.state) });
    operations.push(...this.packs.takeNotes());
    return operations;
  }

  /** Those of `chunks` whose `stored` value shows, or is known, not to be intact. */
  private async damaged(
    chunks: readonly PendingChunk[],
    stored: readonly (Uint8Array | undefined)[],
  ): Promise<PendingChunk[]> {
    const lengths = new Map<number, number>();
    const damaged: PendingChunk[] = [];
    for (const [index, chunk] of chunks.entries()) {
      const sealed = stored[index];
      if (sealed === undefined) continue;
      const intact =
        !this.damage.has(chunk.id) && (await this.isWithin(lengths, unsealChunk(chunk.key, sealed)));
      if (!intact) damaged.push(chunk);
    }
    return damaged;
  }

  /** Whether `stored` is intact and, if it lies in a pack, that one is long enough; `lengths` are those known already. */
  private async isWithin(lengths: Map<number, number>, stored: StoredChunk | undefined): Promise<boolean> {
    if (stored?.kind !== 'packed') return stored !== undefined;
    const { pack, offset, encodedLength } = stored.location;
    const length = lengths.get(pack) ?? (await this.packs.lengthOf(pack));
    lengths.set(pack, length);
    return offset + recordHeaderBytes + encodedLength <= length;
  }
}

function totalsOf({ written, encoded }: PendingChunk): ChunkTotals {
  return { chunks: 1, bytes: written.length, plainBytes: encoded.plainLength };
}

/** What the database holds, by reading all of its chunks' values. */
export async function countChunks(database: Database): Promise<ChunkTotals> {
  let totals = noTotals;
  for await (const [key, value] of database.entries(chunkRange))
    totals = addTotals(totals, totalsOfValue(key, value));
  return totals;
}

function totalsOfValue(key: Uint8Array, sealed: Uint8Array): ChunkTotals {
  const stored = unsealChunk(key, sealed);
  const plainBytes = (stored?.kind === 'packed' ? stored.location : stored?.encoded)?.plainLength ?? 0;
  return { chunks: 1, bytes: storedBytesOf(stored, sealed), plainBytes };
}
