/** What a collection is tried on: chunks by number, every fourth small enough to lie in the database, and small packs. */
import { chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import { type SampleChunk, sampleChunk } from './sample-chunk.js';

/** So that a few chunks make many packs. */
export const packBytesMax = 120_000;

const samples = new Map<number, SampleChunk>();

/** The chunk number `number`. */
export function sampleOf(number: number): SampleChunk {
  const sample = samples.get(number) ?? sampleChunk(3 * number + 1, number % 4 === 0 ? 900 : 9000);
  samples.set(number, sample);
  return sample;
}

const bundled = new Map<number, SampleChunk>();

/** The chunk number `number` of those that lie in bundles: of bytes that shrink to five eighths. */
export function bundledSample(number: number): SampleChunk {
  let sample = bundled.get(number);
  if (sample === undefined) {
    const plain = sampleChunk(3 * number + 1, 6000).plain.map((byte) => byte & 31);
    sample = { id: chunkIdOf(plain), plain, encoded: encodeChunk(plain) };
    bundled.set(number, sample);
  }
  return sample;
}
