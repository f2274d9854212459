/**
 * MinCDC as its definition says it, one cut at a time: slow, and simple enough to be believed.
 * The WebAssembly implementation must agree with it on every input.
 */
import { type ChunkingParameters, chunkBytesMax, chunkBytesMin } from '../../src/chunking/index.js';

function valueOfCut(bytes: Uint8Array, cut: number, { multiplier, addend }: ChunkingParameters): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(cut - 4, cut);
  const window = a + b * 2 ** 8 + c * 2 ** 16 + d * 2 ** 24;
  return Number((BigInt(window) * BigInt(multiplier) + BigInt(addend)) % 2n ** 32n);
}

/** The same with machine arithmetic: checked against `valueOfCut`, and quick enough for whole files. */
function quickValueOfCut(bytes: Uint8Array, cut: number, { multiplier, addend }: ChunkingParameters): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(cut - 4, cut);
  return (Math.imul(a | (b << 8) | (c << 16) | (d << 24), multiplier) + addend) >>> 0;
}

export { quickValueOfCut, valueOfCut };

/** Length of the first chunk of `bytes`. */
export function referenceFirstChunk(bytes: Uint8Array, parameters: ChunkingParameters): number {
  if (bytes.length <= chunkBytesMin) return bytes.length;
  let best = chunkBytesMin;
  let bestValue = quickValueOfCut(bytes, best, parameters);
  for (let cut = chunkBytesMin + 1; cut <= Math.min(bytes.length, chunkBytesMax); cut++) {
    const value = quickValueOfCut(bytes, cut, parameters);
    if (value < bestValue) [best, bestValue] = [cut, value];
  }
  return best;
}

/** Lengths of all chunks of `bytes`. */
export function referenceLengths(bytes: Uint8Array, parameters: ChunkingParameters): number[] {
  const lengths: number[] = [];
  for (let start = 0; start < bytes.length; start += lengths.at(-1) ?? 0) {
    lengths.push(referenceFirstChunk(bytes.subarray(start), parameters));
  }
  return lengths;
}
