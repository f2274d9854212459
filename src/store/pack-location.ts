/** Where a chunk lies among the packs. */
import type { Codec } from '../chunking/index.js';

export interface RecordPlace {
  /** Number of the pack. */
  readonly pack: number;
  /** Where the record begins, in bytes from the beginning of the pack. */
  readonly offset: number;
}

/** Of a record that holds several chunks: compressed together (bundle.ts), or as they are (run.ts). */
export type GroupCodec = 'bundle' | 'run';
/** What a record holds: one chunk, or several. */
export type RecordCodec = Codec | GroupCodec;

/** By where they lie. */
export function inPlaceOrder(a: PackLocation, b: PackLocation): number {
  return a.pack - b.pack || a.offset - b.offset || a.within - b.within;
}

export function isGroup(codec: RecordCodec): codec is GroupCodec {
  return codec === 'bundle' || codec === 'run';
}

export interface PackLocation extends RecordPlace {
  readonly codec: RecordCodec;
  /** Of the chunk. */
  readonly plainLength: number;
  /** Of the record, without its header. */
  readonly encodedLength: number;
  /** What the chunk takes of the pack: the whole record, or its share of it. */
  readonly storedBytes: number;
  /** Of a chunk in a run: where its bytes begin, in bytes from the beginning of the record's body. Else 0. */
  readonly within: number;
}
