/**
 * A store in memory with the promises of the real one, for tests of other rooms; `test/store/contract.test.ts` holds
 * both to them. Nothing survives `close`. Damage can be put in with `damage`.
 */
import {
  type ChunkId,
  chunkIdOf,
  decodeChunk,
  type EncodedChunk,
  encodeChunk,
} from '../../src/chunking/index.js';
import { ShoalError } from '../../src/error.js';
import type {
  ChunkStore,
  ChunkTotals,
  FramedRecord,
  OpenStore,
  PackDamage,
  RecordChange,
  RecordColumns,
  RecordKind,
  RecordsOptions,
  StoreOptions,
  Verdict,
  VerifyOptions,
} from '../../src/store/index.js';
import { isGroup } from '../../src/store/pack-location.js';
import { groupIn } from '../../src/store/pack-record.js';

/** What a stored chunk takes beyond its encoded bytes in the real store. */
const valueOverheadBytes = 10;

function closedError(): ShoalError {
  return new ShoalError('CANCELLED', 'The store was closed before this was done: open the share again.');
}

export class MemoryChunkStore implements ChunkStore {
  private readonly stored = new Map<ChunkId, EncodedChunk>();
  private readonly damaged = new Set<ChunkId>();
  closed = false;

  constructor(private readonly options: StoreOptions = {}) {}

  async has(id: ChunkId): Promise<boolean> {
    this.assertOpen();
    return this.stored.has(id) && !this.damaged.has(id);
  }

  async hasMany(ids: readonly ChunkId[]): Promise<boolean[]> {
    return Promise.all(ids.map((id) => this.has(id)));
  }

  async get(id: ChunkId): Promise<Uint8Array | undefined> {
    const encoded = await this.getEncoded(id);
    return encoded === undefined ? undefined : decodeChunk(encoded);
  }

  async getEncoded(id: ChunkId): Promise<EncodedChunk | undefined> {
    this.assertOpen();
    const encoded = this.stored.get(id);
    if (encoded === undefined) return undefined;
    if (chunkIdOf(decodeChunk(encoded)) === id) return { ...encoded, bytes: Uint8Array.from(encoded.bytes) };
    if (!this.damaged.has(id)) this.options.onDamage?.(id);
    this.damaged.add(id);
    return undefined;
  }

  async put(id: ChunkId, encoded: EncodedChunk): Promise<void> {
    this.assertOpen();
    const old = this.stored.get(id);
    if (old !== undefined && chunkIdOf(decodeChunk(old)) === id) return;
    this.stored.set(id, { ...encoded, bytes: Uint8Array.from(encoded.bytes) });
    this.damaged.delete(id);
  }

  async give(records: readonly FramedRecord[]): Promise<void> {
    for (const { codec, chunks, bytes } of records) {
      const group = groupIn(codec, bytes);
      for (const { id, plainLength } of chunks)
        await this.put(
          id,
          isGroup(codec) ? encodeChunk(group?.chunk(id) ?? new Uint8Array(1)) : { codec, plainLength, bytes },
        );
    }
  }

  async flush(): Promise<void> {
    this.assertOpen();
  }

  async sync(): Promise<void> {
    this.assertOpen();
  }

  async totals(): Promise<ChunkTotals> {
    const chunks = [...this.stored.values()];
    return {
      chunks: chunks.length,
      bytes: chunks.reduce((sum, chunk) => sum + chunk.bytes.length + valueOverheadBytes, 0),
      plainBytes: chunks.reduce((sum, chunk) => sum + chunk.plainLength, 0),
    };
  }

  damagedIds(): readonly ChunkId[] {
    return [...this.damaged];
  }

  async *verify({
    from = '' as ChunkId,
    onProgress,
    isEnough,
    signal,
  }: VerifyOptions = {}): AsyncGenerator<Verdict> {
    let bytes = 0;
    let chunks = 0;
    for (const id of [...this.stored.keys()].sort().filter((stored) => stored >= from)) {
      if (signal?.aborted === true) throw new ShoalError('CANCELLED', 'Verifying the store was cancelled.');
      chunks += 1;
      bytes += (this.stored.get(id)?.bytes.length ?? 0) + valueOverheadBytes;
      onProgress?.({ chunks, bytes });
      yield { id, ok: (await this.get(id)) !== undefined };
      if (isEnough?.() === true) return;
    }
  }

  async *checkPacks(): AsyncGenerator<PackDamage> {
    this.assertOpen();
    yield* []; // it has no packs
  }

  async settlePacks(): Promise<void> {
    this.assertOpen();
  }

  /** Makes the stored bytes of `id` those of something else. */
  damage(id: ChunkId, other: EncodedChunk): void {
    this.stored.set(id, other);
  }

  private assertOpen(): void {
    if (this.closed) throw closedError();
  }
}

export class MemoryStore implements OpenStore {
  readonly chunks: MemoryChunkStore;
  private readonly kinds = new Map<RecordKind, Map<string, Uint8Array>>();

  constructor(options: StoreOptions = {}) {
    this.chunks = new MemoryChunkStore(options);
  }

  async getRecord(kind: RecordKind, key: string): Promise<Uint8Array | undefined> {
    this.assertOpen();
    const value = this.kinds.get(kind)?.get(key);
    return value === undefined ? undefined : Uint8Array.from(value);
  }

  async *records(
    kind: RecordKind,
    { from = '', below }: RecordsOptions = {},
  ): AsyncGenerator<[string, Uint8Array]> {
    this.assertOpen();
    const records = [...(this.kinds.get(kind) ?? [])].map(([key, value]) => ({
      key,
      value,
      order: Buffer.from(key),
    }));
    records.sort((a, b) => Buffer.compare(a.order, b.order));
    const [first, end] = [Buffer.from(from), below === undefined ? undefined : Buffer.from(below)];
    for (const { key, value, order } of records) {
      if (Buffer.compare(order, first) < 0 || (end !== undefined && Buffer.compare(order, end) >= 0))
        continue;
      yield [key, Uint8Array.from(value)];
    }
  }

  async commit(changes: readonly RecordChange[]): Promise<void> {
    this.assertOpen();
    for (const change of changes) {
      const records = this.kinds.get(change.kind) ?? new Map<string, Uint8Array>();
      this.kinds.set(change.kind, records);
      if ('delete' in change) records.delete(change.key);
      else if ('keys' in change) setColumns(records, change);
      else records.set(change.key, Uint8Array.from(change.value));
    }
  }

  async close(): Promise<void> {
    this.chunks.closed = true;
  }

  private assertOpen(): void {
    if (this.chunks.closed) throw closedError();
  }
}

function setColumns(records: Map<string, Uint8Array>, { keys, values }: RecordColumns): void {
  const bytes = values.length / keys.length;
  for (const [index, key] of keys.entries())
    records.set(key, Uint8Array.from(values.subarray(index * bytes, (index + 1) * bytes)));
}
