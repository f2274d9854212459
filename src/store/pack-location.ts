/** Where a chunk lies among the packs. */
import type { Codec } from '../chunking/index.js';

export interface RecordPlace {
  /** Number of the pack. */
  readonly pack: number;
  /** Where the record begins, in bytes from the beginning of the pack. */
  readonly offset: number;
}

export interface PackLocation extends RecordPlace {
  readonly codec: Codec;
  readonly plainLength: number;
  readonly encodedLength: number;
}
