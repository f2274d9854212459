/**
 * BLAKE3 by `blake3-wasm`: portable, always installed, 0.8 GB/s at 64 KiB.
 *
 * Its hashers live in WebAssembly memory, which never shrinks: long input goes in in pieces, and every hasher is
 * disposed of by its digest. The package's one-call `deriveKey` forgets that (1.9 KB lost a call) and is not used.
 */
import { createRequire } from 'node:module';
import { type HashBackend, withoutBufferPrototype } from './hash-backend.js';

interface WasmHasher {
  update(bytes: Uint8Array): unknown;
  /** Also disposes of the hasher. */
  digest(): Uint8Array;
}

/** The part of the package that is used. */
interface Blake3Wasm {
  hash(bytes: Uint8Array): Uint8Array;
  createHash(): WasmHasher;
  createDeriveKey(context: string): WasmHasher;
}

/** The most bytes copied into WebAssembly memory at once, and so what long input makes that memory grow by. */
const pieceBytesMax = 1024 * 1024;

function digestInPieces(hasher: WasmHasher, bytes: Uint8Array): Uint8Array {
  for (let offset = 0; offset < bytes.length; offset += pieceBytesMax) {
    hasher.update(bytes.subarray(offset, offset + pieceBytesMax));
  }
  return withoutBufferPrototype(hasher.digest());
}

/** @throws Error if the package cannot be loaded */
export function loadWasmHash(): HashBackend {
  const require = createRequire(import.meta.url);
  const blake3: Blake3Wasm = require('blake3-wasm');
  const hash = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > pieceBytesMax) return digestInPieces(blake3.createHash(), bytes);
    return withoutBufferPrototype(blake3.hash(bytes));
  };
  return {
    name: 'wasm',
    hash,
    hashWord(bytes) {
      const digest = hash(bytes);
      return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
    },
    deriveKey: (context, material) => digestInPieces(blake3.createDeriveKey(context), material),
  };
}
