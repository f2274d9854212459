/**
 * Chunking: bytes become chunks. Cuts them by content (MinCDC), names them (BLAKE3) and encodes them (zstd).
 * Knows nothing of files, stores or peers.
 */
export { plainOfChunk } from './chunk-check.js';
export {
  type ChunkId,
  chunkIdBytes,
  chunkIdFromBytes,
  chunkIdsFromBytes,
  chunkIdToBytes,
  chunkIdWord,
  parseChunkId,
} from './chunk-id.js';
export { chunkBytesMax, chunkBytesMean, chunkBytesMin } from './chunk-size.js';
export { type Codec, decodeChunk, type EncodedChunk, encodeChunk } from './encoded-chunk.js';
export {
  decompressFrame,
  FrameMaker,
  frameContentBytesMax,
  frameRoomBytes,
  seemsCompressible,
} from './frame.js';
export { chunkIdOf, deriveKey, hashBackend, hashBytes, hashWord } from './hash.js';
export { askForHugePages } from './huge-pages.js';
export { type ChunkingParameters, chunkingParametersOf } from './parameters.js';
export { beginsAtPage, type SharedMemory, sharedMemory } from './shared-memory.js';
export { type ReadInto, splitStream } from './split.js';
export { cutWindow, type Window, windowAt, windowBytes } from './window.js';
