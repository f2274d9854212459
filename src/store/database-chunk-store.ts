/**
 * The chunk store over the database and the packs: small chunks lie in the values, of larger ones the values say where
 * they lie in a pack.
 *
 * Reads look at the queue first, then at the database. Whatever comes is hashed before it is handed out.
 */
import { type ChunkId, type EncodedChunk, encodeChunk } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { ChunkReader } from './chunk-reader.js';
import type { ChunkStore, ChunkTotals, Verdict, VerifyOptions } from './chunk-store.js';
import { type CheckedChunk, checkChunk, checkGrouped, unsealChunk } from './chunk-value.js';
import type { ChunkWriter } from './chunk-writer.js';
import type { Collection } from './collection.js';
import type { DamageList } from './damage-list.js';
import type { Database } from './database.js';
import { type FramedRecord, frameCopy, pendingRecord } from './framed-record.js';
import { chunkKey, chunkRange, type KeyRange } from './key.js';
import { checkPacks, type PackDamage, settlePacks } from './pack-check.js';
import { isGroup } from './pack-location.js';
import { groupIn } from './pack-record.js';
import type { Packs } from './packs.js';
import { addTotals, noTotals } from './totals.js';
import { type Check, windowsOf } from './verify-window.js';
import type { PendingChunk, PendingRecord, WriteQueue } from './write-queue.js';

export interface ChunkStoreParts {
  readonly database: Database;
  readonly packs: Packs;
  readonly queue: WriteQueue;
  readonly writer: ChunkWriter;
  readonly damage: DamageList;
  /** Puts on the disk all that was put before: a step of `queue`. */
  readonly sync: () => Promise<void>;
  /** Names of damaged files of the database, where it has files of its own. */
  readonly damagedTables?: (() => Promise<readonly string[]>) | undefined;
}

/**
 * Stored bytes that `verify` reads before any verdict of them is out: what is lost when it is interrupted. Fewer where it may
 * be asked to end: one second's work, or a few if they were compressed.
 */
const verifyBytesMax = { unasked: 1024 * 1024 * 1024, asked: 256 * 1024 * 1024 };
/** A chunk that a collection moves is looked up again; each collection moves it once at most. */
const lookUpsMax = 4;

export class DatabaseChunkStore implements ChunkStore {
  /** The collection under way, if any: told of every id before it is looked for. */
  collection: Collection | undefined;
  private readonly reader: ChunkReader;

  constructor(private readonly parts: ChunkStoreParts) {
    this.reader = new ChunkReader(parts.packs);
  }

  async has(id: ChunkId): Promise<boolean> {
    const [has] = await this.hasMany([id]);
    return has === true;
  }

  async hasMany(ids: readonly ChunkId[]): Promise<boolean[]> {
    const { database, queue, writer, damage } = this.parts;
    const has: boolean[] = [];
    const asked: number[] = [];
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index] as ChunkId;
      const isThere = this.touch(id);
      has[index] = queue.has(id);
      if (has[index] === false && isThere && writer.mayHave(id)) asked.push(index);
    }
    if (asked.length === 0) return has;
    const stored = await database.hasMany(asked.map((index) => chunkKey(ids[index] as ChunkId)));
    for (const [at, index] of asked.entries())
      has[index] = stored[at] === true && !damage.has(ids[index] as ChunkId);
    return has;
  }

  async get(id: ChunkId): Promise<Uint8Array | undefined> {
    return (await this.read(id))?.plain;
  }

  async getEncoded(id: ChunkId): Promise<EncodedChunk | undefined> {
    const chunk = await this.read(id);
    return chunk && (chunk.encoded ?? encodeChunk(chunk.plain));
  }

  async put(id: ChunkId, encoded: EncodedChunk): Promise<void> {
    this.touch(id);
    await this.parts.queue.put(frameCopy(id, encoded));
  }

  async give(records: readonly FramedRecord[]): Promise<void> {
    for (const { chunks } of records) for (const { id } of chunks) this.touch(id);
    await this.parts.queue.give(records.map(pendingRecord));
  }

  async flush(): Promise<void> {
    await this.parts.queue.flush();
  }

  async sync(): Promise<void> {
    await this.parts.sync();
  }

  async totals(): Promise<ChunkTotals> {
    return this.parts.writer.totals;
  }

  damagedIds(): readonly ChunkId[] {
    return this.parts.damage.ids();
  }

  async *verify({ from, onProgress, isEnough, signal }: VerifyOptions = {}): AsyncGenerator<Verdict> {
    const { database, packs, writer, damage } = this.parts;
    const revision = writer.revision;
    const reader = new ChunkReader(packs); // what others have read is not what lies there now
    let counted = noTotals;
    let intact = true;
    let idsLost = 0;
    const read = { chunks: 0, bytes: 0 };
    const check: Check = async (chunks, stored) => {
      if (signal?.aborted === true) throw cancelled();
      const ids = chunks.map(({ id }) => id);
      const lengths = await reader.plainLengths(ids, stored);
      for (const { storedBytes } of chunks) {
        read.chunks += 1;
        read.bytes += storedBytes;
      }
      onProgress?.({ ...read });
      return lengths;
    };
    const bytesMax = isEnough === undefined ? verifyBytesMax.unasked : verifyBytesMax.asked;
    for await (const window of windowsOf(database.entries(rangeFrom(from)), bytesMax, check)) {
      idsLost += window.idsLost;
      for (const { id, storedBytes, plainLength } of window.chunks) {
        if (signal?.aborted === true) throw cancelled();
        // Of a value that is wrong the current one decides: it may have been healed since the iteration began.
        const ok = plainLength !== undefined || (await this.get(id)) !== undefined;
        if (!ok && (await database.get(chunkKey(id))) === undefined) continue; // a collection deleted it meanwhile
        if (plainLength !== undefined) damage.forget(id);
        else intact = false;
        counted = addTotals(counted, { chunks: 1, bytes: storedBytes, plainBytes: plainLength ?? 0 });
        yield { id, ok };
      }
      if (isEnough?.() === true) return;
    }
    if (idsLost > 0) throw lostIds(idsLost);
    if (intact && from === undefined && revision === writer.revision) writer.correctTotals(counted);
  }

  checkPacks(signal?: AbortSignal): AsyncGenerator<PackDamage> {
    return checkPacks(this.parts, signal);
  }

  settlePacks(packs: readonly number[]): Promise<void> {
    return settlePacks(this.parts, packs);
  }

  private async read(id: ChunkId): Promise<CheckedChunk | undefined> {
    const { queue } = this.parts;
    const isThere = this.touch(id);
    const queued = queue.get(id);
    // It says nothing of the stored one that it may be on its way to replace: whether that is damaged must stay known.
    if (queued !== undefined)
      return 'kind' in queued ? this.reader.check(id, queued) : checkPending(id, queued);
    if (!isThere) return undefined;
    return (await this.readRecent(id)) ?? (await this.readStored(id));
  }

  private async readStored(id: ChunkId): Promise<CheckedChunk | undefined> {
    const { database } = this.parts;
    const key = chunkKey(id);
    let value = await database.get(key);
    for (let lookUp = 1; value !== undefined; lookUp++) {
      const checked = await this.reader.check(id, unsealChunk(key, value));
      if (checked !== undefined) return this.judge(id, checked);
      const now = await database.get(key);
      const isSame = now !== undefined && Buffer.compare(now, value) === 0;
      if (isSame || lookUp === lookUpsMax) return this.judge(id, undefined);
      value = now; // a collection moved it, or a put healed it, while it was read
    }
    return undefined;
  }

  /** @returns whether `id` may be found: not while a collection deletes it */
  private touch(id: ChunkId): boolean {
    return this.collection?.touch(id) ?? true;
  }

  /** A chunk that was put lately; undefined if it was not, or is not there any more: then the database decides. */
  private async readRecent(id: ChunkId): Promise<CheckedChunk | undefined> {
    const { writer, damage } = this.parts;
    const location = writer.recent.get(id);
    if (location === undefined || damage.has(id)) return undefined;
    const checked = await this.reader.check(id, { kind: 'packed', location });
    if (checked === undefined) writer.recent.forget(id);
    return checked;
  }

  /** Notes whether the chunk `id` was intact. */
  private judge(id: ChunkId, checked: CheckedChunk | undefined): CheckedChunk | undefined {
    const { damage } = this.parts;
    if (checked === undefined) damage.note(id);
    else damage.forget(id);
    return checked;
  }
}

/** The chunk `id` out of the record that brings it, whose memory is not ours. */
function checkPending(id: ChunkId, { codec, chunks, bytes }: PendingRecord): CheckedChunk | undefined {
  if (isGroup(codec)) return checkGrouped(id, groupIn(codec, bytes)?.chunk(id));
  const { plainLength } = chunks[0] as PendingChunk;
  return checkChunk(id, { codec, plainLength, bytes: bytes.slice() });
}

function rangeFrom(id: ChunkId | undefined): KeyRange {
  return id === undefined ? chunkRange : { ...chunkRange, gte: chunkKey(id) };
}

function cancelled(): ShoalError {
  return new ShoalError('CANCELLED', 'Verifying the store was cancelled: run `shoal verify` again.');
}

/** Keys of the wrong length: no id can be told from them. */
function lostIds(count: number): ShoalError {
  return new ShoalError(
    'STORE_DAMAGED',
    `${count} chunks in the store have lost their ids: run \`shoal verify --repair\`.`,
    { data: { count } },
  );
}
