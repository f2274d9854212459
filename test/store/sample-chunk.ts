/** Chunks for tests: made from a number alone, so that a failure names its input. */
import {
  type ChunkId,
  chunkIdOf,
  chunkIdToBytes,
  type EncodedChunk,
  encodeChunk,
} from '../../src/chunking/index.js';
import {
  alignedMemory,
  type ChunkStore,
  RecordMaker,
  recordsBytesMax,
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
 * Gives `samples` as an ingest does: those that shrink in a bundle, as far as they are neighbours.
 * @returns the memory that they lie in
 */
export async function giveTogether(store: ChunkStore, samples: readonly SampleChunk[]): Promise<Uint8Array> {
  const plain = Buffer.concat(samples.map((sample) => sample.plain));
  const memory = alignedMemory(recordsBytesMax(plain.length, samples.length));
  const maker = new RecordMaker(plain, memory);
  let at = 0;
  for (const sample of samples) {
    maker.add(chunkIdToBytes(sample.id), at, sample.plain.length);
    at += sample.plain.length;
  }
  const members = samples.map(({ id, plain: { length } }) => ({ id, plainLength: length }));
  await store.give([...recordsIn(maker.finish(), memory, members)]);
  return memory;
}
