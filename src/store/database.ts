/**
 * The few things the store asks of its database, so that tests can put a failing one in its place.
 */
import type { KeyRange } from './key.js';

export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

export interface Database {
  /**
   * A value the database knows of but cannot read any more comes back empty, and no sealed value is empty: damage is
   * one case for the callers and not two.
   * @throws ShoalError STORE_FAILED
   */
  get(key: Uint8Array): Promise<Uint8Array | undefined>;

  /** `get` for each of `keys`, in their order. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;

  /** Whether there is a value, for each of `keys`; one that cannot be read does not count. */
  hasMany(keys: readonly Uint8Array[]): Promise<boolean[]>;

  /**
   * All operations or none. They are taken one by one and their bytes copied: the next may lie in the same memory.
   * @param options - `sync`: on the disk when this resolves, with nothing said of earlier writes
   */
  write(operations: Iterable<Operation>, options: { sync: boolean }): Promise<void>;

  /** Keys and values of a range as they are now. @throws ShoalError STORE_DAMAGED at the end if a part could not be read */
  entries(range: KeyRange): AsyncGenerator<[key: Uint8Array, value: Uint8Array]>;

  /** Puts everything written so far on the disk. */
  sync(): Promise<void>;

  /** Gives free what deleted and replaced values of a range still take on the disk; others read and write meanwhile. */
  compact(range: KeyRange): Promise<void>;

  close(): Promise<void>;
}
