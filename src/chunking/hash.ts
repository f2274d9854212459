/**
 * The hash of Shoal: BLAKE3-256, by whichever backend this machine has.
 *
 * The backend is chosen once, when the first hash is asked for: the native one where it loads and reproduces the
 * published vectors, else WebAssembly. The environment variable `SHOAL_HASH=napi|wasm` insists on one.
 */

import { ShoalError } from '../error.js';
import { type ChunkId, chunkIdFromBytes } from './chunk-id.js';
import { type HashBackend, type HashBackendName, passesKnownVectors } from './hash-backend.js';
import { loadNapiHash } from './hash-napi.js';
import { loadWasmHash } from './hash-wasm.js';

/** The backends by preference. */
const loaders: readonly { name: HashBackendName; load: () => HashBackend }[] = [
  { name: 'napi', load: loadNapiHash },
  { name: 'wasm', load: loadWasmHash },
];

/**
 * The first backend that loads and computes BLAKE3.
 * @param wanted - the only backend to accept, or undefined for any
 * @param candidates - the backends to try, in order
 * @throws ShoalError USAGE if `wanted` is no backend, or none of those accepted works on this machine
 */
export function chooseHashBackend(wanted: string | undefined, candidates = loaders): HashBackend {
  const accepted = wanted ? candidates.filter(({ name }) => name === wanted) : candidates;
  if (accepted.length === 0) {
    throw new ShoalError('USAGE', `SHOAL_HASH must be "napi" or "wasm", not ${JSON.stringify(wanted)}.`);
  }
  const failures: unknown[] = [];
  for (const { name, load } of accepted) {
    try {
      const backend = load();
      if (passesKnownVectors(backend)) return backend;
      failures.push(new Error(`The BLAKE3 backend "${name}" computes something else than BLAKE3.`));
    } catch (error) {
      failures.push(error);
    }
  }
  const names = accepted.map(({ name }) => name).join(' nor ');
  throw new ShoalError(
    'USAGE',
    `BLAKE3 cannot be computed here: ${names} does not work. Install Shoal again, or set SHOAL_HASH to another backend.`,
    { cause: new AggregateError(failures) },
  );
}

let chosen: HashBackend | undefined;

function backend(): HashBackend {
  chosen ??= chooseHashBackend(process.env.SHOAL_HASH);
  return chosen;
}

/** Which backend computes the hashes of this process. */
export function hashBackend(): HashBackendName {
  return backend().name;
}

/** BLAKE3-256 of `bytes`: 32 bytes, newly allocated. */
export function hashBytes(bytes: Uint8Array): Uint8Array {
  return backend().hash(bytes);
}

/** The first four bytes of the hash, big endian, as a u32: for those who need no more, of tens of thousands of short texts. */
export function hashWord(bytes: Uint8Array): number {
  return backend().hashWord(bytes);
}

/** The id of the chunk whose plain bytes are `bytes`. */
export function chunkIdOf(bytes: Uint8Array): ChunkId {
  return chunkIdFromBytes(hashBytes(bytes));
}

/**
 * A key that belongs to `context` alone, by BLAKE3's `derive_key` mode.
 * @param context - a constant that names the use and its version, such as 'shoal manifest tree v1'; never input
 * @param material - what the key is derived from, any length
 * @returns 32 bytes, newly allocated
 */
export function deriveKey(context: string, material: Uint8Array): Uint8Array {
  return backend().deriveKey(context, material);
}
