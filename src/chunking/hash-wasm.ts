/**
 * BLAKE3 by `blake3-wasm`: portable, always installed, 0.8 GB/s at 64 KiB.
 *
 * Its hashers live in WebAssembly memory, which never shrinks: each is disposed of here, and long input goes in
 * in pieces. The package's own one-call `deriveKey` disposes of nothing (1.9 KB lost a call), so it is not used.
 */
import { createRequire } from 'node:module';
import { chunkIdBytes } from './chunk-id.js';
import type { HashBackend } from './hash-backend.js';

interface WasmHasher {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
  dispose(): void;
}

/** The part of the package that is used. */
interface Blake3Wasm {
  hash(bytes: Uint8Array): Uint8Array;
  createHash(): WasmHasher;
  createDeriveKey(context: string): WasmHasher;
}

/** The most bytes copied into WebAssembly memory at once, and so what long input makes that memory grow by. */
const pieceBytesMax = 1024 * 1024;

function digestAndDispose(hasher: WasmHasher, bytes: Uint8Array): Uint8Array {
  try {
    for (let offset = 0; offset < bytes.length; offset += pieceBytesMax) {
      hasher.update(bytes.subarray(offset, offset + pieceBytesMax));
    }
    return Uint8Array.from(hasher.digest()).subarray(0, chunkIdBytes);
  } finally {
    hasher.dispose();
  }
}

/** @throws Error if the package cannot be loaded */
export function loadWasmHash(): HashBackend {
  const require = createRequire(import.meta.url);
  const blake3: Blake3Wasm = require('blake3-wasm');
  return {
    name: 'wasm',
    hash(bytes) {
      if (bytes.length > pieceBytesMax) return digestAndDispose(blake3.createHash(), bytes);
      const digest = blake3.hash(bytes);
      return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
    },
    deriveKey: (context, material) => digestAndDispose(blake3.createDeriveKey(context), material),
  };
}
