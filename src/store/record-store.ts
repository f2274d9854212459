/**
 * What the store promises for records: small named values that other rooms encode and the store keeps, checksummed,
 * beside the chunks.
 */

/** One namespace of record keys each. `share/` owns what is in them. */
export type RecordKind =
  | 'state'
  | 'head'
  | 'member'
  | 'ticket'
  | 'root'
  | 'stat'
  | 'seen'
  | 'journal'
  | 'address'
  | 'blocked';

export type RecordChange =
  | RecordPut
  | { readonly kind: RecordKind; readonly key: string; readonly delete: true }
  | RecordColumns;

export interface RecordPut {
  readonly kind: RecordKind;
  readonly key: string;
  readonly value: Uint8Array;
}

/** Records whose values are equally long, and short, for those who write thousands of them. */
export interface RecordColumns {
  readonly kind: RecordKind;
  readonly keys: readonly string[];
  /** One behind another, in the order of the keys. */
  readonly values: Uint8Array;
}

/** Longest record key, in bytes of UTF-8: a path of 4,096 and room to spare. */
export const recordKeyBytesMax = 8 * 1024;
/** Most bytes of keys and values that one `commit` takes. */
export const commitBytesMax = 64 * 1024 * 1024;

export interface RecordsOptions {
  /** The first key. */
  readonly from?: string;
  /** Where to end: this key is not included. */
  readonly below?: string;
  /** Told the key of a record that fails its checksum, which is then left out. */
  readonly onDamage?: (key: string) => void;
}

export interface RecordStore {
  /** @throws ShoalError STORE_DAMAGED (data: kind, key) if what is stored fails its checksum */
  getRecord(kind: RecordKind, key: string): Promise<Uint8Array | undefined>;

  /**
   * The records of a kind in the byte order of their keys, as they were when the iteration began.
   * @throws ShoalError STORE_DAMAGED at a record that fails its checksum, if `onDamage` is not given
   */
  records(kind: RecordKind, options?: RecordsOptions): AsyncGenerator<[key: string, value: Uint8Array]>;

  /**
   * All of `changes` or none, after every chunk put before and every commit begun before. They must stay
   * as they are until it resolves.
   * @param options - `durable`: survives a power cut, and so does every chunk put before; otherwise it survives `kill -9`
   * @throws ShoalError STORE_FAILED (or STORE_DAMAGED) once any write has failed; LIMIT beyond `commitBytesMax`; CANCELLED after `close`
   */
  commit(changes: readonly RecordChange[], options: { durable: boolean }): Promise<void>;
}
