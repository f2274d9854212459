/**
 * Shows that the WebAssembly cutter is MinCDC: it agrees with the plain implementation on random, repetitive and
 * adversarial bytes of every length that matters to its vector loop, and looks at nothing but the bytes it was given.
 */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { type ChunkingParameters, chunkBytesMax, chunkBytesMin } from '../../src/chunking/index.js';
import { closeWindow, openWindow, windowBytes } from '../../src/chunking/window.js';
import { referenceFirstChunk, valueOfCut } from './reference-mincdc.js';
import { seededBytes, seededNumbers } from './seeded-bytes.js';

const window = openWindow();
afterAll(() => closeWindow(window));

/** The value of a cut is its window: small windows can be planted where the cut is wanted. */
const plain: ChunkingParameters = { multiplier: 1, addend: 0 };
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const parameters = fc.record({ multiplier: u32.map((value) => (value | 1) >>> 0), addend: u32 });

/** What the cutter says of `bytes`, placed at `start` among bytes of the value that would be cut at first. */
function cutAt(start: number, bytes: Uint8Array, using: ChunkingParameters): number {
  window.bytes.fill(0, Math.max(0, start - 64), start + bytes.length + 64);
  window.bytes.set(bytes, start);
  return window.firstChunk(start, start + bytes.length, using);
}

function filled(lengthBytes: number, value: number): Uint8Array {
  return new Uint8Array(lengthBytes).fill(value);
}

test('the value of a cut is exact arithmetic modulo 2^32', () => {
  fc.assert(
    fc.property(u32, parameters, (word, using) => {
      const view = new DataView(new ArrayBuffer(4));
      view.setUint32(0, word, true);
      const exact = (BigInt(word) * BigInt(using.multiplier) + BigInt(using.addend)) % 2n ** 32n;
      expect(BigInt(valueOfCut(view, 4, using))).toBe(exact);
    }),
  );
});

test('agrees with the reference on any bytes, parameters and place in the window', () => {
  const alphabet = fc.constantFrom(256, 2, 3, 16);
  const length = fc.integer({ min: 1, max: chunkBytesMax + 5000 });
  fc.assert(
    fc.property(
      u32,
      alphabet,
      length,
      fc.nat(1000),
      parameters,
      (seed, letters, lengthBytes, start, using) => {
        const bytes = seededBytes(seed, lengthBytes).map((byte) => byte % letters);
        expect(cutAt(start, bytes, using)).toBe(referenceFirstChunk(bytes, using));
      },
    ),
    { numRuns: 150 },
  );
});

test('agrees with the reference at every length around the minimum and the maximum', () => {
  const bytes = seededBytes(11, chunkBytesMax + 40);
  const using = { multiplier: 0x9e3779b1, addend: 0x85ebca77 };
  for (const middle of [chunkBytesMin, chunkBytesMin + 1024, chunkBytesMax]) {
    for (let lengthBytes = middle - 40; lengthBytes <= middle + 40; lengthBytes++) {
      const part = bytes.subarray(0, lengthBytes);
      expect(cutAt(0, part, using)).toBe(referenceFirstChunk(part, using));
    }
  }
});

test('finds one smallest value wherever it stands, in any lane, block or tail', () => {
  const bytes = filled(chunkBytesMax, 0xff);
  const places = [0, 1, 511, 512, 1023, 1024, 1025, 65535].flatMap((base) =>
    Array.from({ length: 36 }, (_, offset) => chunkBytesMin + base - 18 + offset),
  );
  for (const cut of places) {
    if (cut < chunkBytesMin || cut > chunkBytesMax) continue;
    bytes.fill(0, cut - 4, cut);
    expect(cutAt(64, bytes, plain)).toBe(cut);
    bytes.fill(0xff, cut - 4, cut);
  }
});

test('takes the earliest of equal values', () => {
  const next = seededNumbers(5);
  for (let round = 0; round < 200; round++) {
    const bytes = filled(chunkBytesMax, 0xff);
    const cuts = [0, 1, 2].map(() => chunkBytesMin + (next() % (chunkBytesMax - chunkBytesMin + 1)));
    for (const cut of cuts) bytes.fill(0, cut - 4, cut);
    expect(cutAt(0, bytes, plain)).toBe(Math.min(...cuts));
  }
});

test('compares values as unsigned numbers', () => {
  const bytes = filled(chunkBytesMax, 0x7f);
  // As a signed number, 0x80808080 would be less than 0x7f7f7f7f.
  bytes.fill(0x80, 50_000, 50_004);
  expect(cutAt(0, bytes, plain)).toBe(chunkBytesMin);
});

test('cuts constant bytes at the minimum, and ever falling values at the maximum', () => {
  for (const value of [0, 1, 0xff]) expect(cutAt(0, filled(chunkBytesMax, value), plain)).toBe(chunkBytesMin);
  // The newest byte of a window weighs most: values fall with the bytes, and the last byte is the only 0.
  const falling = Uint8Array.from(
    { length: chunkBytesMax },
    (_, at) => 255 - Math.floor((at * 255) / chunkBytesMax),
  );
  falling[chunkBytesMax - 1] = 0;
  expect(referenceFirstChunk(falling, plain)).toBe(chunkBytesMax);
  expect(cutAt(0, falling, plain)).toBe(chunkBytesMax);
});

test('looks at no byte before the chunk or after its end', () => {
  const bytes = filled(chunkBytesMax - 7, 0xff);
  for (const start of [0, 64, windowBytes - bytes.length]) {
    window.bytes.fill(0);
    window.bytes.set(bytes, start);
    expect(window.firstChunk(start, start + bytes.length, plain)).toBe(chunkBytesMin);
  }
});

test('refuses bytes that are not in the window', () => {
  expect(() => window.firstChunk(-1, 10, plain)).toThrow();
  expect(() => window.firstChunk(10, 10, plain)).toThrow();
  expect(() => window.firstChunk(0, windowBytes + 1, plain)).toThrow();
});
