/** What a collection is tried on: chunks by number, every fourth small enough to lie in the database, and small packs. */
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
