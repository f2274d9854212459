/** Shows that whatever anybody sends is refused as MALFORMED, or is the one encoding of what it decodes to. */
import { encode, rfc8949EncodeOptions } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCanonical } from '../../src/cbor/canonical-decoder.js';
import { isShoalError } from '../../src/error.js';
import { runs } from '../support/seed.js';

const bytesMax = 4096;
const someItem = fc.oneof(
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }),
);
const someValue = fc.array(fc.oneof(someItem, fc.array(someItem, { maxLength: 3 })), { maxLength: 5 });

/** Whether it is accepted; any error but MALFORMED fails the test. */
function isCanonical(bytes: Uint8Array): boolean {
  let value: unknown;
  try {
    value = decodeCanonical(bytes, 'thing', bytesMax);
  } catch (error) {
    if (isShoalError(error, 'MALFORMED')) return false;
    throw error;
  }
  expect(Buffer.from(encode(value, rfc8949EncodeOptions))).toEqual(Buffer.from(bytes));
  return true;
}

describe('the decoder', () => {
  it('accepts what a library encodes', () => {
    fc.assert(
      fc.property(someValue, (value) => {
        expect(isCanonical(encode(value))).toBe(true);
      }),
      runs(500),
    );
  });

  it('accepts no second encoding', () => {
    const someEdits = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(someValue, someEdits, (value, edits) => {
        const bytes = encode(value);
        for (const { at, to } of edits) bytes[at % bytes.length] = to;
        isCanonical(bytes);
      }),
      runs(3000),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        isCanonical(bytes);
      }),
      runs(3000),
    );
  });

  const hostile: Record<string, readonly number[]> = {
    nothing: [],
    'trailing bytes': [0x01, 0x00],
    'a number longer than it must be': [0x18, 0x01],
    'a length longer than it must be': [0x58, 0x01, 0x00],
    'a count longer than it must be': [0x98, 0x01, 0x00],
    'a map': [0xa0],
    'a tag': [0xc1, 0x01],
    'a float': [0xf9, 0x3e, 0x00],
    undefined: [0xf7],
    'an indefinite array': [0x9f, 0x01, 0xff],
    'indefinite bytes': [0x5f, 0x41, 0x01, 0xff],
    'a text that is no UTF-8': [0x61, 0xff],
    'a text that is half a surrogate': [0x63, 0xed, 0xa0, 0x80],
    'a text with a longer form of a character': [0x62, 0xc1, 0x81],
    'a text shorter than it says': [0x62, 0x61],
    'an array longer than its input': [0x9a, 0x3b, 0x9a, 0xca, 0x00],
    'bytes longer than their input': [0x5a, 0xff, 0xff, 0xff, 0xff],
    'a length of 2^64 - 1': [0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
    'six arrays in one another': [0x81, 0x81, 0x81, 0x81, 0x81, 0x80],
    'arrays to the end': Array.from({ length: bytesMax }, () => 0x81),
    'more than the bound': Array.from({ length: bytesMax + 1 }, () => 0x00),
  };
  it.each(Object.entries(hostile))('refuses %s', (_name, bytes) => {
    expect(isCanonical(Uint8Array.from(bytes))).toBe(false);
    expect(isCanonical(Buffer.from(bytes))).toBe(false);
  });

  it('keeps a byte order mark, which belongs to the text', () => {
    const text = '\ufefftext';
    const bytes = new TextEncoder().encode(text);
    expect(isCanonical(Uint8Array.from([0x60 + bytes.length, ...bytes]))).toBe(true);
  });
});
