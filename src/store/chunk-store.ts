/**
 * What a chunk store promises to the other rooms. Whatever keeps the bytes keeps these promises, and the contract suite
 * in `test/store/` holds every implementation to them.
 *
 * The first promise: bytes that do not hash to the id that was asked for are never returned.
 */
import type { ChunkId, EncodedChunk } from '../chunking/index.js';
import type { FramedRecord } from './framed-record.js';
import type { PackDamage } from './pack-check.js';

/** What the store holds. Counts what is written; what is still queued is not in it. */
export interface ChunkTotals {
  readonly chunks: number;
  /** Bytes that the chunks take, headers included: of the values, or of the records in packs. */
  readonly bytes: number;
  /** Bytes of content before compression. */
  readonly plainBytes: number;
}

export interface VerifyOptions {
  /** The first id to look at. */
  readonly from?: ChunkId | undefined;
  /** Told of each chunk that was read; its verdict comes later. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Asked now and then, when verdicts of all that was read are out: whether that was enough. */
  readonly isEnough?: () => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** How far a `verify` has come. */
export interface VerifyProgress {
  readonly chunks: number;
  /** Stored bytes read. */
  readonly bytes: number;
}

export interface Verdict {
  readonly id: ChunkId;
  readonly ok: boolean;
}

export interface ChunkStore {
  /** Whether a `get` should succeed: queued counts, known to be damaged does not. Does not read the bytes. */
  has(id: ChunkId): Promise<boolean>;

  /** `has` for each of `ids`, in their order. */
  hasMany(ids: readonly ChunkId[]): Promise<boolean[]>;

  /**
   * The plain bytes, hashed again before they are returned; the caller's own.
   * @returns undefined if it is not there, or damaged: then `damagedIds` names it and `onDamage` was told
   */
  get(id: ChunkId): Promise<Uint8Array | undefined>;

  /** As `get`, but encoded, for sending to a peer. The plain bytes were hashed all the same. */
  getEncoded(id: ChunkId): Promise<EncodedChunk | undefined>;

  /**
   * Takes one chunk; `encoded` is copied before the first await. Seen by `has` and `get` at once. One that is there
   * already is dropped, one that is there but damaged is replaced.
   * @param id - the hash of the plain bytes: the caller has checked it
   * @returns resolves when the queue is under its bound, not when the chunk is written: see `flush`
   * @throws ShoalError STORE_FAILED (or STORE_DAMAGED) once any write has failed; CANCELLED after `close`
   */
  put(id: ChunkId, encoded: EncodedChunk): Promise<void>;

  /**
   * As `put`, for several, without the copy: what was encoded and the memory before it may not change until this has
   * resolved. Records that lie in a row are written in a row.
   * @throws as `put`
   */
  give(records: readonly FramedRecord[]): Promise<void>;

  /** Everything put before is written: it survives `kill -9`. @throws as `put` */
  flush(): Promise<void>;

  /** Everything put before is on the disk: it survives a power cut. @throws as `put` */
  sync(): Promise<void>;

  totals(): Promise<ChunkTotals>;

  /** Chunks found damaged and not healed since, the first `damagedIdsMax` of them. */
  damagedIds(): readonly ChunkId[];

  /**
   * Reads and hashes every chunk that is written, and tells of them in the order of ids. They are read by windows, each in
   * the order in which they lie, so that telling lags behind.
   * @throws ShoalError CANCELLED when `signal` fires; STORE_DAMAGED at the end, after all that could be read, if parts
   * of the store could not even be listed
   */
  verify(options?: VerifyOptions): AsyncGenerator<Verdict>;

  /**
   * The packs that are not as they were written, each as a whole: missing, cut short, swapped, of another state, with a
   * damaged header or footer, or unknown to the index; and the index itself, as pack 0, if it has lost writes. Quick: which chunks are lost in them is for `verify` to say.
   * @throws ShoalError CANCELLED when `signal` fires; STORE_DAMAGED at the end if parts of the index could not be listed
   */
  checkPacks(signal?: AbortSignal): AsyncGenerator<PackDamage>;

  /**
   * Takes packs that `checkPacks` named for what they are now, so that it is content with them: for when their chunks
   * have been put again. Changes no pack and forgets no chunk. Durable when it resolves.
   * @param packs - their numbers
   * @throws as `put`
   */
  settlePacks(packs: readonly number[]): Promise<void>;
}
