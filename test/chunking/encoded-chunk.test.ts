/**
 * Shows that a chunk survives encoding whatever it holds, that compressing is attempted where it pays and only there,
 * and that no encoded chunk from a peer or a damaged disk can make the decoder return wrong lengths, allocate more than
 * a chunk, or fail with anything but MALFORMED.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import zstd from 'zstd-napi/binding.js';
import {
  type Codec,
  chunkBytesMax,
  decodeChunk,
  type EncodedChunk,
  encodeChunk,
} from '../../src/chunking/index.js';
import { isShoalError } from '../../src/error.js';
import { seededBytes } from './seeded-bytes.js';

const text = Buffer.from('The way of a byte: folder reads, chunking cuts and names. '.repeat(400));
const rejected = expect.objectContaining({ code: 'MALFORMED' });

function expectMalformed(encoded: EncodedChunk): void {
  expect(() => decodeChunk(encoded)).toThrow(rejected);
}

function expectSurvives(plain: Uint8Array): EncodedChunk {
  const encoded = encodeChunk(plain);
  expect(encoded.plainLength).toBe(plain.length);
  expect(encoded.bytes.length).toBeLessThanOrEqual(plain.length);
  expect(Buffer.compare(decodeChunk(encoded), plain)).toBe(0);
  return encoded;
}

/** A zstd frame of `plain`, made with other settings than Shoal's. */
function foreignFrame(plain: Uint8Array, settings: (context: zstd.CCtx) => void): Uint8Array {
  const context = new zstd.CCtx();
  settings(context);
  const frame = new Uint8Array(zstd.compressBound(plain.length));
  return frame.slice(0, context.compress2(frame, plain));
}

function asZstd(bytes: Uint8Array, plainLength: number): EncodedChunk {
  return { codec: 'zstd', plainLength, bytes };
}

describe('encoding', () => {
  test('any bytes survive', () => {
    const letters = fc.constantFrom(1, 2, 4, 16, 64, 256);
    fc.assert(
      fc.property(
        fc.integer(),
        letters,
        fc.integer({ min: 1, max: chunkBytesMax }),
        (seed, count, lengthBytes) => {
          expectSurvives(seededBytes(seed, lengthBytes).map((byte) => byte % count));
        },
      ),
      { numRuns: 150 },
    );
  });

  test.each([1, 2, 255, 256, 257, 16_383, 16_384, 65_535, 65_536, 65_791, 65_792, chunkBytesMax])(
    'chunks of %i bytes survive, compressible or not',
    (lengthBytes) => {
      expect(expectSurvives(seededBytes(1, lengthBytes)).codec).toBe('raw');
      const { codec } = expectSurvives(new Uint8Array(lengthBytes));
      expect(codec).toBe(lengthBytes > 20 ? 'zstd' : 'raw');
    },
  );

  test('text and what has only entropy to save (base64) are compressed', () => {
    expect(expectSurvives(text).codec).toBe('zstd');
    const base64 = Buffer.from(Buffer.from(seededBytes(2, 48 * 1024)).toString('base64'));
    expect(expectSurvives(base64).bytes.length).toBeLessThan(base64.length * 0.8);
  });

  test('what saves less than a sixteenth stays raw', () => {
    const zeros = (count: number) => Buffer.concat([new Uint8Array(count), seededBytes(3, 16_000 - count)]);
    expect(expectSurvives(zeros(900)).codec).toBe('raw');
    expect(expectSurvives(zeros(1200)).codec).toBe('zstd');
  });

  test('redundancy anywhere in the chunk is noticed by the probe', () => {
    const bytes = seededBytes(4, 64 * 1024);
    for (const start of [0, 16_000, 32_000, 48_000]) {
      const mixed = bytes.slice();
      mixed.fill(0x20, start, start + 24_000);
      expect(expectSurvives(mixed).codec).toBe('zstd');
    }
  });

  test('where the sample finds nothing to save, no more is looked for', () => {
    const half = seededBytes(8, 32 * 1024);
    // It would compress to a half, but no piece of the sample repeats another.
    expect(expectSurvives(Buffer.concat([half, half])).codec).toBe('raw');
    expect(expectSurvives(Buffer.concat([half.subarray(0, 8000), half.subarray(0, 8000)])).codec).toBe(
      'zstd',
    );
  });

  test('the same bytes are encoded in the same way, whatever was encoded before', () => {
    const first = encodeChunk(text);
    encodeChunk(seededBytes(5, chunkBytesMax));
    encodeChunk(new Uint8Array(chunkBytesMax));
    expect(encodeChunk(text)).toEqual(first);
  });

  test.each([
    ['raw', seededBytes(6, 5000)],
    ['zstd', Uint8Array.from(text)],
  ])('results (%s) own their memory', (codec, plain) => {
    const borrowed = plain.slice();
    const encoded = encodeChunk(borrowed);
    expect(encoded.codec).toBe(codec);
    borrowed.fill(0);
    encodeChunk(new Uint8Array(chunkBytesMax).fill(9));
    const decoded = decodeChunk(encoded);
    expect(decoded).toEqual(plain);
    expect(decoded.buffer.byteLength).toBe(plain.length);
    expect(encoded.bytes.buffer.byteLength).toBe(encoded.bytes.length);
    encoded.bytes.fill(0);
    expect(decoded).toEqual(plain);
  });

  test('an empty chunk and one that is too long are the caller’s fault', () => {
    expect(() => encodeChunk(new Uint8Array(0))).toThrow('A chunk has');
    expect(() => encodeChunk(new Uint8Array(chunkBytesMax + 1))).toThrow('A chunk has');
  });
});

describe('hostile input', () => {
  const good = encodeChunk(text);

  test('unknown codec', () => {
    for (const codec of ['gzip', '', 'RAW', '__proto__']) {
      expectMalformed({ codec: codec as Codec, plainLength: 3, bytes: Uint8Array.of(1, 2, 3) });
    }
  });

  test.each([0, -1, 0.5, Number.NaN, chunkBytesMax + 1, 2 ** 31, 2 ** 53, Number.POSITIVE_INFINITY])(
    'a declared length of %d',
    (plainLength) => {
      expectMalformed({ codec: 'raw', plainLength, bytes: new Uint8Array(3) });
      expectMalformed({ codec: 'zstd', plainLength, bytes: good.bytes });
    },
  );

  test('a chunk that is what it declares, and too long', () => {
    const tooLong = new Uint8Array(chunkBytesMax + 1);
    expectMalformed({ codec: 'raw', plainLength: tooLong.length, bytes: tooLong });
    expectMalformed(
      asZstd(
        foreignFrame(tooLong, () => undefined),
        tooLong.length,
      ),
    );
  });

  test('raw bytes that are not as many as declared', () => {
    for (const length of [0, 2, 4]) {
      expectMalformed({ codec: 'raw', plainLength: 3, bytes: new Uint8Array(length) });
    }
  });

  test('a frame that declares another length than the chunk', () => {
    expectMalformed(asZstd(good.bytes, text.length - 1));
    expectMalformed(asZstd(good.bytes, text.length + 1));
  });

  test('a frame that holds more or less than it declares', () => {
    // The content size of this frame is two bytes at offset 5, less 256.
    for (const difference of [-1, 1, -1000, 1000]) {
      const bytes = good.bytes.slice();
      const view = new DataView(bytes.buffer);
      view.setUint16(5, view.getUint16(5, true) + difference, true);
      expectMalformed(asZstd(bytes, text.length + difference));
    }
  });

  test('a bomb: megabytes of zeros that declare to be a chunk, or themselves', () => {
    const bomb = foreignFrame(new Uint8Array(64 * 1024 * 1024), () => undefined);
    expect(bomb.length).toBeLessThan(10_000);
    expectMalformed(asZstd(bomb, chunkBytesMax));
    const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000, 0, 0x80, 1, 0);
    const lying = Buffer.concat([header, bomb.subarray(9)]);
    expectMalformed(asZstd(lying, chunkBytesMax));
    const huge = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0b1110_0000, ...new Array(8).fill(0xff), 1, 0, 0);
    expectMalformed(asZstd(huge, chunkBytesMax));
  });

  test('a bomb of one block: 2 MiB repeated from one byte', () => {
    // Content size 96 KiB in four bytes; then one last RLE block that claims 2^21 - 1 bytes.
    const rle = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000, 0, 0x80, 1, 0, 0xfb, 0xff, 0xff, 0x41);
    expectMalformed(asZstd(rle, chunkBytesMax));
  });

  test('frames of another shape: huge window, unknown size, checksum, dictionary, skippable', () => {
    const set = (parameter: zstd.CParameter, value: number) => (context: zstd.CCtx) =>
      context.setParameter(parameter, value);
    const checksum = foreignFrame(text, set(zstd.CParameter.checksumFlag, 1));
    const unknownSize = foreignFrame(text, set(zstd.CParameter.contentSizeFlag, 0));
    expectMalformed(asZstd(checksum, text.length));
    expectMalformed(asZstd(unknownSize, text.length));
    const { bytes } = good;
    const withDescriptor = (...descriptor: number[]) =>
      Buffer.concat([bytes.subarray(0, 4), Uint8Array.from(descriptor), bytes.subarray(5)]);
    expectMalformed(asZstd(withDescriptor(0b0100_0000, 0xff), text.length)); // A window of 3.75 TiB.
    expectMalformed(asZstd(withDescriptor(0b0110_0001, 1), text.length)); // A dictionary.
    expectMalformed(asZstd(withDescriptor(0b0110_1000), text.length)); // The reserved bit.
    const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4);
    expectMalformed(asZstd(skippable, 100));
    expectMalformed(asZstd(Buffer.concat([skippable, bytes]), text.length));
  });

  test('anything after the frame', () => {
    const frame = good.bytes;
    expectMalformed(asZstd(Buffer.concat([frame, Uint8Array.of(0)]), text.length));
    expectMalformed(asZstd(Buffer.concat([frame, frame]), text.length));
    expectMalformed(
      asZstd(Buffer.concat([frame, Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0)]), text.length),
    );
  });

  test('a frame cut off anywhere', () => {
    for (let length = 0; length < good.bytes.length; length++) {
      expectMalformed(asZstd(good.bytes.subarray(0, length), text.length));
    }
  });

  test('a frame that is no shorter than the chunk', () => {
    const stored = foreignFrame(seededBytes(7, 1000), () => undefined);
    expect(stored.length).toBeGreaterThan(1000);
    expectMalformed(asZstd(stored, 1000));
  });

  test('any flipped bits: the declared length or MALFORMED, and the next good chunk is decoded', () => {
    const flips = fc.array(fc.nat(good.bytes.length * 8 - 1), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(flips, (bits) => {
        const bytes = good.bytes.slice();
        for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        try {
          expect(decodeChunk(asZstd(bytes, text.length))).toHaveLength(text.length);
        } catch (error) {
          if (!isShoalError(error, 'MALFORMED')) throw error;
        }
        expect(Buffer.compare(decodeChunk(good), text)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('any bytes at all, with and without a frame header', () => {
    const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 200);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 190 }), fc.boolean(), (body, framed) => {
        const bytes = framed ? Buffer.concat([header, body]) : body;
        try {
          expect(decodeChunk(asZstd(bytes, 200))).toHaveLength(200);
        } catch (error) {
          if (!isShoalError(error, 'MALFORMED')) throw error;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
