/** Chunks for tests: made from a number alone, so that a failure names its input. */
import {
  type ChunkId,
  chunkIdOf,
  chunkIdToBytes,
  type EncodedChunk,
  encodeChunk,
  sharedMemory,
} from '../../src/chunking/index.js';
import {
  type ChunkStore,
  type FramedRecord,
  RecordMaker,
  recordRoomBytes,
  recordsIn,
} from '../../src/store/index.js';

export interface SampleChunk {
  readonly id: ChunkId;
  readonly plain: Uint8Array;
  readonly encoded: EncodedChunk;
}

/** The chunk number `seed`; every third compresses well. */
export function sampleChunk(seed: number, length = 1000): SampleChunk {
  const plain = new Uint8Array(length);
  let state = (seed + 1) * 0x9e3779b1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    plain[at] = seed % 3 === 0 ? (seed + Math.floor(at / 100)) & 0xff : state & 0xff;
  }
  new DataView(plain.buffer).setUint32(0, seed);
  return { id: chunkIdOf(plain), plain, encoded: encodeChunk(plain) };
}

/** The chunks number 0 to `count` - 1. */
export function sampleChunks(count: number, length = 1000): SampleChunk[] {
  return Array.from({ length: count }, (_, seed) => sampleChunk(seed, length));
}

/**
 * The records that an ingest makes of `samples`, and the memory that they lie in.
 * @param gapAfter - behind this one lies something that is not wanted
 */
export function recordsOf(
  samples: readonly SampleChunk[],
  gapAfter?: number,
): { readonly memory: Uint8Array; readonly records: readonly FramedRecord[] } {
  const gap = Buffer.alloc(100, 0xaa);
  const plain = Buffer.concat(
    samples.flatMap((sample, index) => (index === gapAfter ? [sample.plain, gap] : [sample.plain])),
  );
  const chunksAt = recordRoomBytes(samples.length);
  const memory = new Uint8Array(sharedMemory(chunksAt + plain.length).buffer);
  memory.fill(0xbb); // what the last user left
  memory.set(plain, chunksAt);
  const maker = new RecordMaker(memory, chunksAt);
  let at = 0;
  for (const [index, sample] of samples.entries()) {
    maker.add(chunkIdToBytes(sample.id), at, sample.plain.length);
    at += sample.plain.length + (index === gapAfter ? gap.length : 0);
  }
  const members = samples.map(({ id, plain: { length } }) => ({ id, plainLength: length }));
  return { memory, records: [...recordsIn(maker.finish(), memory, members)] };
}

/** Gives `samples` as an ingest does. @returns the memory that they lie in */
export async function giveTogether(store: ChunkStore, samples: readonly SampleChunk[]): Promise<Uint8Array> {
  const { memory, records } = recordsOf(samples);
  await store.give(records);
  return memory;
}
