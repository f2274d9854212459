/**
 * What the store asks of its packs, so that tests can put failing ones in their place. Calls may come at any time.
 */
import type { Operation } from './database.js';
import type { PackInspection } from './pack-file.js';
import type { RecordPlace } from './pack-location.js';

/** How far the packs were written: kept in the database, in the same batch as the locations that rely on it. */
export interface PackState {
  readonly storeId: Uint8Array;
  /** Number of the pack written last, 0 before the first one. */
  readonly pack: number;
  /** Its length in bytes. */
  readonly length: number;
}

export interface Packs {
  /** As it is after the last `append` that ended. */
  readonly state: PackState;

  /**
   * Writes `records` (all of a batch) at the end: they survive `kill -9`. Several calls may be under way: they write in
   * their order, and end in it.
   * @returns where each of them begins
   * @throws ShoalError STORE_FAILED
   */
  append(records: readonly Uint8Array[]): Promise<readonly RecordPlace[]>;

  /**
   * The `length` bytes at `place`, the caller's own, whatever they are.
   * @returns undefined if they are not there: the pack is missing, too short or unreadable
   * @throws ShoalError STORE_FAILED if that cannot be told now; CANCELLED after `close`
   */
  read(place: RecordPlace, length: number): Promise<Uint8Array | undefined>;

  /** Length of a pack in bytes, 0 if it is missing. */
  lengthOf(pack: number): Promise<number>;

  /** What the database has to be told of packs that were finished since the last call, in the batch that comes next. */
  takeNotes(): readonly Operation[];

  /** Numbers of the packs that are there, in their order. @throws ShoalError STORE_FAILED */
  numbers(): Promise<readonly number[]>;

  /**
   * What there is of a pack, or why that cannot be told.
   * @throws ShoalError STORE_FAILED if that is a matter of this moment
   */
  inspect(pack: number): Promise<PackInspection | 'missing' | 'unreadable'>;

  /** Finishes the pack that is written to: what is appended from now on goes to the next one. @throws ShoalError STORE_FAILED */
  seal(): Promise<void>;

  /**
   * Takes a finished pack away once its last reader is done, and puts that on the disk. Nothing there may rely on it.
   * @throws ShoalError STORE_FAILED
   */
  remove(pack: number): Promise<void>;

  /** Bytes that can still be written before the disk is full. @throws ShoalError STORE_FAILED */
  freeBytes(): Promise<number>;

  /**
   * Puts everything on the disk that was appended before the call.
   * @throws ShoalError STORE_FAILED; once it has, always
   */
  sync(): Promise<void>;

  close(): Promise<void>;
}
