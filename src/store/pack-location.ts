/** Where a chunk lies among the packs. */
import type { Codec } from '../chunking/index.js';

export interface RecordPlace {
  /** Number of the pack. */
  readonly pack: number;
  /** Where the record begins, in bytes from the beginning of the pack. */
  readonly offset: number;
}

/** What a record holds: one chunk, or several that are compressed together (bundle.ts). */
export type RecordCodec = Codec | 'bundle';

export interface PackLocation extends RecordPlace {
  readonly codec: RecordCodec;
  /** Of the chunk. */
  readonly plainLength: number;
  /** Of the record, without its header. */
  readonly encodedLength: number;
  /** What the chunk takes of the pack: the whole record, or its share of a bundle. */
  readonly storedBytes: number;
}
