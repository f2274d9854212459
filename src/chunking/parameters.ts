/**
 * The secret part of the cut: where a share's files are cut depends on its id, so that the sizes an onlooker sees on
 * the wire cannot be matched against the chunks of known files.
 */
import { deriveKey } from './hash.js';

/** The value of a cut is `window * multiplier + addend`, a wrapping u32. */
export interface ChunkingParameters {
  /** u32, odd: so that every window keeps a value of its own. */
  readonly multiplier: number;
  /** u32. */
  readonly addend: number;
}

/** Part of the format: another context would cut every file of every share anew. */
const parametersContext = 'shoal chunking parameters v1';

/** @param share - the 32 bytes of the share id */
export function chunkingParametersOf(share: Uint8Array): ChunkingParameters {
  const key = deriveKey(parametersContext, share);
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  return { multiplier: (view.getUint32(0, true) | 1) >>> 0, addend: view.getUint32(4, true) };
}
