/**
 * Chunking: bytes become chunks. Names them (BLAKE3), cuts them by content (MinCDC) and packs them (zstd).
 * Knows nothing of files, stores or peers.
 */
export { type ChunkId, chunkIdBytes, chunkIdFromBytes, chunkIdToBytes, parseChunkId } from './chunk-id.js';
export { chunkBytesMax, chunkBytesMean, chunkBytesMin } from './chunk-size.js';
export { chunkIdOf, deriveKey, hashBackend, hashBytes } from './hash.js';
export type { HashBackendName } from './hash-backend.js';
