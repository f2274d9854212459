/**
 * Writes batches of chunks and keeps the totals: first the records to a pack, then the values that speak of them. A
 * stored chunk counts as a duplicate only if its value is intact and its pack reaches as far as the value says; else it
 * is replaced. Packs are not read for that.
 */
import assert from 'node:assert/strict';
import type { ChunkId } from '../chunking/index.js';
import type { ChunkTotals } from './chunk-store.js';
import { LocationSealer, type StoredChunk, storedBytesOf, unsealChunk } from './chunk-value.js';
import type { DamageList } from './damage-list.js';
import type { Database, Operation } from './database.js';
import { IdFilter } from './id-filter.js';
import { chunkKey, chunkRange, packStateKey, totalsKey } from './key.js';
import type { RecordPlace } from './pack-location.js';
import { recordHeaderBytes } from './pack-record.js';
import { sealPackState } from './pack-state.js';
import type { Packs } from './packs.js';
import { RecentLocations } from './recent-locations.js';
import { addTotals, noTotals, sealTotals, subtractTotals, unsealTotals } from './totals.js';
import type { AppendedChunks, PendingChunk, PendingRecord, PlacedChunk } from './write-queue.js';

/** A batch whose records are in a pack, and that the database does not know of. */
export interface AppendedBatch extends AppendedChunks {
  readonly added: readonly PendingChunk[];
  /** With what the totals say of them. */
  readonly replaced: ReadonlyMap<PendingChunk, ChunkTotals>;
  /** Beside those that say where chunks lie: values that chunks lie in, and what the packs have to say. */
  readonly operations: readonly Operation[];
}

/** Most that the database is told at once of several batches; those who wait for this thread wait that long. */
const operationsTogetherMax = 1024;
/** Ids that are told from absent ones as well as can be; 2 MiB. */
const writtenIdsExpected = 2 ** 20;

export class ChunkWriter {
  /** Batches written since the store was opened: tells whether a count made meanwhile still holds. */
  revision = 0;
  readonly recent = new RecentLocations();
  /** All that the database has of chunks, if it had none when the store was opened. */
  private readonly written: IdFilter | undefined;
  private readonly sealer = new LocationSealer();

  private constructor(
    private readonly database: Database,
    private readonly packs: Packs,
    private readonly damage: DamageList,
    private current: ChunkTotals,
  ) {
    if (current.chunks === 0) this.written = new IdFilter(writtenIdsExpected);
  }

  /** Reads the totals, or counts the chunks if the totals are damaged or missing. */
  static async open(database: Database, packs: Packs, damage: DamageList): Promise<ChunkWriter> {
    const sealed = await database.get(totalsKey);
    const totals = sealed === undefined ? undefined : unsealTotals(sealed);
    return new ChunkWriter(database, packs, damage, totals ?? (await countChunks(database)));
  }

  get totals(): ChunkTotals {
    return this.current;
  }

  /** Whether the database must be asked for `id`: a first snapshot asks for each of its chunks, and all but none is there. */
  mayHave(id: ChunkId): boolean {
    return this.written?.has(id) ?? true;
  }

  /** Puts right what a full count found; written with the next batch. */
  correctTotals(counted: ChunkTotals): void {
    this.current = counted;
  }

  /**
   * The first part of writing those chunks of `records`, all different, that are not stored intact: they are looked up.
   * @returns the second part: the records with such chunks are appended
   */
  async lookUp(records: readonly PendingRecord[]): Promise<() => Promise<AppendedBatch>> {
    const chunks: PendingChunk[] = [];
    for (const record of records) chunks.push(...record.chunks);
    const found = await this.valuesOf(chunks);
    const replaced = await this.damaged(found);
    const lacking = (chunk: PendingChunk): boolean => !found.has(chunk) || replaced.has(chunk);
    return async () => {
      const wanted = records.filter((record) => record.chunks.some(lacking));
      const added = chunks.filter((chunk) => !found.has(chunk));
      return { added, replaced, ...(await this.writeRecords(wanted, lacking)) };
    };
  }

  /** The third part: the records are put on the disk, and then the database is told of them, in their order. */
  async finish(batches: readonly AppendedBatch[]): Promise<void> {
    // First: after a power cut the database's log may be whole where the pack, though as long as it was, has zeros.
    // Such a chunk would count as a duplicate when it comes again, and be lost for good.
    const hasRecords = ({ placed }: AppendedBatch): boolean =>
      placed.some(({ stored }) => stored.kind === 'packed');
    if (batches.some(hasRecords)) await this.packs.sync();
    for (const some of toldTogether(batches)) await this.tell(some);
  }

  /** Tells the database of `batches`, and the totals with them: all or none. */
  private async tell(batches: readonly AppendedBatch[]): Promise<void> {
    const totals = batches.reduce(withBatch, this.current);
    for (const { added } of batches) for (const { id } of added) this.written?.add(id);
    await this.database.write(operationsOf(batches, totals, this.sealer), { sync: false });
    this.current = totals;
    this.revision += 1;
    for (const { replaced, placed } of batches) {
      for (const { id } of replaced.keys()) this.damage.forget(id);
      for (const { id, stored } of placed)
        if (stored.kind === 'packed') this.recent.note(id, stored.location);
    }
  }

  /**
   * Tells the database that chunks lie elsewhere now, durably.
   * @param operations - the values that say so
   * @param bytes - how much more they take there, all together
   */
  async move(operations: readonly Operation[], bytes: number): Promise<void> {
    const totals = { ...this.current, bytes: Math.max(0, this.current.bytes + bytes) };
    await this.database.write([...operations, totalsOperation(totals)], { sync: true });
    this.current = totals;
    this.revision += 1;
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
    await this.database.write([...operations, totalsOperation(totals)], { sync: false });
    this.current = totals;
    this.revision += 1;
    for (const id of ids) {
      this.damage.forget(id);
      this.recent.forget(id);
    }
    return deleted;
  }

  /**
   * Writes `records` to a pack, but for those that are values.
   * @returns where the `lacking` chunks are, and what is to be told of that
   */
  private async writeRecords(
    records: readonly PendingRecord[],
    lacking: (chunk: PendingChunk) => boolean,
  ): Promise<Pick<AppendedBatch, 'placed' | 'operations'>> {
    const placed: PlacedChunk[] = [];
    const operations: Operation[] = [];
    for (const { chunks, written, packed } of records) {
      if (packed) continue;
      const value = new Uint8Array(written); // written when the memory of the record is somebody else's again
      for (const { id } of chunks) {
        const key = chunkKey(id);
        operations.push({ type: 'put', key, value });
        const stored = unsealChunk(key, value);
        if (stored !== undefined) placed.push({ id, stored });
      }
    }
    const packed = records.filter((record) => record.packed);
    if (packed.length === 0) return { placed, operations };
    const places = await this.packs.append(packed.map(({ written }) => written));
    for (const [index, record] of packed.entries()) {
      const place = places[index];
      assert(place !== undefined, 'every record that was appended has a place');
      placed.push(...packedChunks(record, lacking, place));
    }
    operations.push({ type: 'put', key: packStateKey, value: sealPackState(this.packs.state) });
    operations.push(...this.packs.takeNotes());
    return { placed, operations };
  }

  /** What the database has of `chunks`. */
  private async valuesOf(chunks: readonly PendingChunk[]): Promise<ReadonlyMap<PendingChunk, Uint8Array>> {
    const asked = chunks.filter(({ id }) => this.mayHave(id));
    const values = asked.length === 0 ? [] : await this.database.getMany(asked.map(({ id }) => chunkKey(id)));
    const found = new Map<PendingChunk, Uint8Array>();
    for (const [index, chunk] of asked.entries()) {
      const value = values[index];
      if (value !== undefined) found.set(chunk, value);
    }
    return found;
  }

  /** Those chunks whose value shows, or is known, not to be intact. */
  private async damaged(
    found: ReadonlyMap<PendingChunk, Uint8Array>,
  ): Promise<ReadonlyMap<PendingChunk, ChunkTotals>> {
    const lengths = new Map<number, number>();
    const damaged = new Map<PendingChunk, ChunkTotals>();
    for (const [chunk, sealed] of found) {
      const intact =
        !this.damage.has(chunk.id) && (await this.isWithin(lengths, unsealChunk(chunkKey(chunk.id), sealed)));
      if (!intact) damaged.set(chunk, totalsOfValue(chunkKey(chunk.id), sealed));
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

/** The `lacking` chunks of a record that was appended. */
function packedChunks(
  { codec, bytes, chunks }: PendingRecord,
  lacking: (chunk: PendingChunk) => boolean,
  { pack, offset }: RecordPlace,
): PlacedChunk[] {
  const placed: PlacedChunk[] = [];
  for (const chunk of chunks) {
    if (!lacking(chunk)) continue;
    const { id, plainLength, storedBytes, within } = chunk;
    const location = { pack, offset, codec, plainLength, encodedLength: bytes.length, storedBytes, within };
    placed.push({ id, stored: { kind: 'packed', location } });
  }
  return placed;
}

/** Those of `batches` that have something to tell, in rows that are told at once. */
function* toldTogether(batches: readonly AppendedBatch[]): Generator<AppendedBatch[]> {
  let row: AppendedBatch[] = [];
  let count = 0;
  for (const batch of batches) {
    if (batch.operations.length === 0) continue;
    const more = batch.placed.length + batch.operations.length;
    if (row.length > 0 && count + more > operationsTogetherMax) {
      yield row;
      row = [];
      count = 0;
    }
    row.push(batch);
    count += more;
  }
  if (row.length > 0) yield row;
}

/** What is to be told of `batches`: where those chunks lie that are in packs, all else, and the totals. */
function* operationsOf(
  batches: readonly AppendedBatch[],
  totals: ChunkTotals,
  sealer: LocationSealer,
): Generator<Operation> {
  for (const { placed, operations } of batches) {
    for (const { id, stored } of placed) if (stored.kind === 'packed') yield sealer.put(id, stored.location);
    yield* operations;
  }
  yield totalsOperation(totals);
}

/** `totals` with what a batch adds and replaces. */
function withBatch(totals: ChunkTotals, { added, replaced }: AppendedBatch): ChunkTotals {
  const before = [...replaced.values()].reduce(subtractTotals, totals);
  return addTotals(before, totalsOf([...added, ...replaced.keys()]));
}

function totalsOperation(totals: ChunkTotals): Operation {
  return { type: 'put', key: totalsKey, value: sealTotals(totals) };
}

function totalsOf(chunks: readonly PendingChunk[]): ChunkTotals {
  let [bytes, plainBytes] = [0, 0];
  for (const { storedBytes, plainLength } of chunks) {
    bytes += storedBytes;
    plainBytes += plainLength;
  }
  return { chunks: chunks.length, bytes, plainBytes };
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
