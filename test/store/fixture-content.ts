/** What the frozen stores in `fixtures/` hold: the same in every format, but for a bundle, which came with format 4, and a run, with 5. */
import { chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import type { RecordChange } from '../../src/store/index.js';
import { packHeaderBytes, recordHeaderBytes } from '../../src/store/pack-record.js';
import { type SampleChunk, sampleChunk } from './sample-chunk.js';

const chunkBytes = 5000;
/** Room for three records of incompressible chunks. */
export const fixturePackBytesMax = packHeaderBytes + 3 * (recordHeaderBytes + chunkBytes);

/** A chunk that is compressed, and belongs in a pack all the same. */
function halfCompressible(): SampleChunk {
  const plain = new Uint8Array(2 * chunkBytes);
  plain.set(sampleChunk(100, chunkBytes).plain);
  return { id: chunkIdOf(plain), plain, encoded: encodeChunk(plain) };
}

/** In the order in which they were put, a batch each. */
export const fixtureChunks: readonly SampleChunk[] = [
  sampleChunk(0, 300), // compressed, in a value
  sampleChunk(1, chunkBytes),
  sampleChunk(2, 300),
  sampleChunk(4, chunkBytes),
  halfCompressible(), // the first of the second pack
  sampleChunk(5, 4),
  sampleChunk(7, chunkBytes),
  sampleChunk(10, 4096),
  sampleChunk(13, 4095), // in a value in the frozen stores of formats 1 and 2
];

/** In one bundle, in the stores of formats that have them. */
export const fixtureBundle: readonly SampleChunk[] = [30, 33, 36].map((seed) => sampleChunk(seed, 1200));
/** In one run, in the stores of formats that have them. */
export const fixtureRun: readonly SampleChunk[] = [40, 43, 46].map((seed) => sampleChunk(seed, 900));

/** What lies in records of several chunks in a store of format `version`. */
export function fixtureGroups(version: number): readonly SampleChunk[] {
  return [...(version < 4 ? [] : fixtureBundle), ...(version < 5 ? [] : fixtureRun)];
}

export const fixtureRecords: readonly Extract<RecordChange, { value: Uint8Array }>[] = [
  { kind: 'state', key: 'local', value: Uint8Array.of(1, 2, 3) },
  { kind: 'stat', key: 'a\0ä/\n', value: new Uint8Array(0) },
  { kind: 'member', key: 'm'.repeat(64), value: new Uint8Array(200).fill(7) },
];
