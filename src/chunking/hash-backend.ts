/**
 * What a BLAKE3 implementation must offer Shoal, and the proof that it computes BLAKE3.
 * A backend is a native binary or somebody else's WebAssembly; a wrong hash would name every chunk wrongly,
 * for ever, so none is used before it has reproduced the published test vectors.
 */
import { Buffer } from 'node:buffer';

export type HashBackendName = 'napi' | 'wasm';

export interface HashBackend {
  readonly name: HashBackendName;
  /** BLAKE3-256 of `bytes`: 32 bytes, newly allocated. */
  hash(bytes: Uint8Array): Uint8Array;
  /** The first four bytes of `hash`, big endian, as a u32. */
  hashWord(bytes: Uint8Array): number;
  /** BLAKE3 `derive_key`: 32 bytes, newly allocated. */
  deriveKey(context: string, material: Uint8Array): Uint8Array;
}

/** The same memory without the Buffer prototype, whose `slice` aliases where that of Uint8Array copies. */
export function withoutBufferPrototype(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Bytes 0, 1, … 250, 0, 1, …: the input of the published vectors. */
function vectorInput(lengthBytes: number): Uint8Array {
  const period = Uint8Array.from({ length: 251 }, (_, index) => index);
  const input = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; at += period.length) input.set(period.subarray(0, lengthBytes - at), at);
  return input;
}

const vectorContext = 'BLAKE3 2019-12-27 16:29:52 test vectors context';

/**
 * One length on each side of every boundary at which implementations take another path: nothing, a block (64), a
 * chunk of BLAKE3 (1,024), two, the widest SIMD batch and a whole tree.
 * @see https://github.com/BLAKE3-team/BLAKE3/blob/master/test_vectors/test_vectors.json
 */
const knownVectors: readonly { lengthBytes: number; hash: string; derived: string }[] = [
  {
    lengthBytes: 0,
    hash: 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262',
    derived: '2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d',
  },
  {
    lengthBytes: 1,
    hash: '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213',
    derived: 'b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c',
  },
  {
    lengthBytes: 1025,
    hash: 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444',
    derived: 'effaa245f065fbf82ac186839a249707c3bddf6d3fdda22d1b95a3c970379bcb',
  },
  {
    lengthBytes: 8193,
    hash: 'bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b',
    derived: 'af1e0346e389b17c23200270a64aa4e1ead98c61695d917de7d5b00491c9b0f1',
  },
  {
    lengthBytes: 102400,
    hash: 'bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085',
    derived: '4652cff7a3f385a6103b5c260fc1593e13c778dbe608efb092fe7ee69df6e9c6',
  },
];

/** Whether `backend` reproduces the published vectors. A backend that throws does not. */
export function passesKnownVectors(backend: HashBackend): boolean {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  try {
    return knownVectors.every(({ lengthBytes, hash, derived }) => {
      const input = vectorInput(lengthBytes);
      return (
        hex(backend.hash(input)) === hash &&
        backend.hashWord(input) === Number.parseInt(hash.slice(0, 8), 16) &&
        hex(backend.deriveKey(vectorContext, input)) === derived
      );
    });
  } catch {
    return false;
  }
}
