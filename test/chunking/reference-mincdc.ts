/**
 * MinCDC as its definition says it, one cut at a time: slow, and simple enough to be believed.
 * The WebAssembly implementation must agree with it on every input.
 */
import { type ChunkingParameters, chunkBytesMax, chunkBytesMin } from '../../src/chunking/index.js';

/** The value of the cut after `cut` bytes: its window times the multiplier plus the addend, as a wrapping u32. */
export function valueOfCut(bytes: DataView, cut: number, { multiplier, addend }: ChunkingParameters): number {
  return (Math.imul(bytes.getUint32(cut - 4, true), multiplier) + addend) >>> 0;
}

/** Length of the first chunk of `bytes`. */
export function referenceFirstChunk(bytes: Uint8Array, parameters: ChunkingParameters): number {
  if (bytes.length <= chunkBytesMin) return bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let best = chunkBytesMin;
  let bestValue = valueOfCut(view, best, parameters);
  for (let cut = chunkBytesMin + 1; cut <= Math.min(bytes.length, chunkBytesMax); cut++) {
    const value = valueOfCut(view, cut, parameters);
    if (value < bestValue) {
      best = cut;
      bestValue = value;
    }
  }
  return best;
}

/** Lengths of all chunks of `bytes`. */
export function referenceLengths(bytes: Uint8Array, parameters: ChunkingParameters): number[] {
  const lengths: number[] = [];
  let start = 0;
  while (start < bytes.length) {
    const length = referenceFirstChunk(bytes.subarray(start), parameters);
    lengths.push(length);
    start += length;
  }
  return lengths;
}
