/**
 * Shows that both BLAKE3 backends compute the published vectors and agree with each other on every kind of input,
 * that a backend which computes anything else is never used, and that hashing leaves no WebAssembly memory behind.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseHashBackend } from '../../src/chunking/hash.js';
import { type HashBackend, passesKnownVectors } from '../../src/chunking/hash-backend.js';
import { loadNapiHash } from '../../src/chunking/hash-napi.js';
import { loadWasmHash } from '../../src/chunking/hash-wasm.js';
import { chunkIdOf, chunkIdToBytes, deriveKey, hashBackend, hashBytes } from '../../src/chunking/index.js';
import { ShoalError } from '../../src/error.js';

interface Vectors {
  context: string;
  cases: { lengthBytes: number; hash: string; derived: string }[];
}
const vectors: Vectors = JSON.parse(
  readFileSync(new URL('../../fixtures/chunking-blake3.json', import.meta.url), 'utf8'),
);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const vectorInput = (lengthBytes: number) =>
  Uint8Array.from({ length: lengthBytes }, (_, index) => index % 251);

const wasm = loadWasmHash();

/** By preference. The native package is optional: where it has no binary, these tests say so and go on without. */
function installedBackends(): HashBackend[] {
  try {
    return [loadNapiHash(), wasm];
  } catch (error) {
    console.warn('The native BLAKE3 is not installed, so it is not tested:', error);
    return [wasm];
  }
}
const backends = installedBackends();

describe.each(backends)('the $name backend', (backend) => {
  test.each(vectors.cases)('computes the published hashes of $lengthBytes bytes', (vector) => {
    const input = vectorInput(vector.lengthBytes);
    expect(hex(backend.hash(input))).toBe(vector.hash);
    expect(hex(backend.deriveKey(vectors.context, input))).toBe(vector.derived);
  });

  test('passes the check at start-up', () => {
    expect(passesKnownVectors(backend)).toBe(true);
  });

  test('returns plain bytes that own their memory and leaves its input alone', () => {
    const input = vectorInput(5000);
    const first = backend.hash(input);
    const copy = first.slice();
    const second = backend.hash(input.subarray(1));
    expect(first.constructor).toBe(Uint8Array);
    expect(first.buffer.byteLength).toBe(first.length);
    expect(backend.deriveKey('a', input).constructor).toBe(Uint8Array);
    expect(first).toEqual(copy);
    expect(second).not.toEqual(first);
    expect(input).toEqual(vectorInput(5000));
    second.fill(0);
    expect(backend.hash(input)).toEqual(first);
  });
});

describe('all backends', () => {
  test('agree on any bytes, wherever they lie in their buffer', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 20_000 }),
        fc.nat(64),
        fc.string({ unit: 'binary' }),
        (bytes, offset, context) => {
          const part = bytes.subarray(offset);
          const results = backends.map(({ hash, deriveKey }) => [hash(part), deriveKey(context, part)]);
          for (const result of results) expect(result).toEqual(results[0]);
        },
      ),
    );
  });

  test.each([-1, 0, 1, 1024 * 1024])('agree on input that is longer than one piece by %i bytes', (more) => {
    const input = vectorInput(1024 * 1024 + more);
    const results = backends.map(({ hash, deriveKey }) => [hash(input), deriveKey('shoal test', input)]);
    for (const result of results) expect(result).toEqual(results[0]);
  });

  test('leave no WebAssembly memory behind', () => {
    const require = createRequire(import.meta.url);
    const inside: {
      __wasm: { memory: { buffer: ArrayBuffer } };
    } = require('blake3-wasm/dist/wasm/nodejs/blake3_js');
    const small = vectorInput(32);
    wasm.hash(vectorInput(3 * 1024 * 1024));
    const bytesBefore = inside.__wasm.memory.buffer.byteLength;
    for (let count = 0; count < 5000; count++) {
      wasm.deriveKey('shoal test', small);
      wasm.hash(small);
    }
    expect(inside.__wasm.memory.buffer.byteLength).toBe(bytesBefore);
  });
});

describe('the choice of a backend', () => {
  const good = wasm;
  const wrongHash: HashBackend = {
    ...good,
    name: 'napi',
    hash: (bytes) => good.hash(bytes.subarray(0, 8192)),
  };
  const wrongKey: HashBackend = { ...good, name: 'napi', deriveKey: (_, material) => good.hash(material) };
  const throwing: HashBackend = {
    ...good,
    name: 'napi',
    hash() {
      throw new Error('illegal instruction');
    },
  };
  const missing = (): HashBackend => {
    throw new Error('Cannot find native binding.');
  };

  test('insists on what it was told', () => {
    for (const { name } of backends) expect(chooseHashBackend(name).name).toBe(name);
    expect(chooseHashBackend('').name).toBe(backends[0]?.name);
    expect(() => chooseHashBackend('md5')).toThrow(ShoalError);
  });

  test.each([
    ['hashes wrongly', () => wrongHash],
    ['derives keys wrongly', () => wrongKey],
    ['throws', () => throwing],
    ['is missing', missing],
  ])('falls back when the first one %s', (_, load) => {
    const candidates = [
      { name: 'napi', load },
      { name: 'wasm', load: () => good },
    ] as const;
    expect(chooseHashBackend(undefined, candidates)).toBe(good);
    expect(() => chooseHashBackend('napi', candidates)).toThrow(/napi does not work/);
  });

  test('serves the public functions', () => {
    const bytes = vectorInput(1025);
    expect(['napi', 'wasm']).toContain(hashBackend());
    expect(hashBytes(bytes)).toEqual(good.hash(bytes));
    expect(chunkIdToBytes(chunkIdOf(bytes))).toEqual(good.hash(bytes));
    expect(deriveKey('shoal test', bytes)).toEqual(good.deriveKey('shoal test', bytes));
  });
});
