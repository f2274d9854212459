/** The writer of canonical CBOR against a library's, value by value. */
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCanonical } from '../../src/cbor/canonical-decoder.js';
import { type CanonicalWriter, encodeCanonical } from '../../src/cbor/index.js';
import { runs } from '../support/seed.js';

/** Everything there is an encoding for. A text is the byte string of its UTF-8. */
type Value = number | bigint | boolean | null | string | Uint8Array | readonly Value[];

const edges = [23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER];
const edges64 = [
  0n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  -(2n ** 53n) + 1n,
  -(2n ** 53n),
  -(2n ** 63n),
];
const someNumber = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, ...edges, ...edges.map((edge) => -edge)));
const someBigint = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(...edges64),
);
const someText = fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 30 }));
const someBytes = fc.uint8Array({ maxLength: 300 });
const someItem = fc.oneof(someNumber, someBigint, someText, someBytes, fc.boolean(), fc.constant(null));
const someValue: fc.Arbitrary<Value> = fc.oneof(
  someItem,
  fc.array(fc.oneof(someItem, fc.array(someItem, { maxLength: 4 })), { maxLength: 12 }),
);

function write(to: CanonicalWriter, value: Value): void {
  if (typeof value === 'number') to.integer(value);
  else if (typeof value === 'bigint') to.integer64(value);
  else if (typeof value === 'boolean') to.boolean(value);
  else if (value === null) to.null();
  else if (typeof value === 'string') to.text(value);
  else if (value instanceof Uint8Array) to.bytes(value);
  else {
    to.array(value.length);
    for (const item of value) write(to, item);
  }
}

function encoded(value: Value): Uint8Array {
  return encodeCanonical((to) => write(to, value));
}

/** As a library is to write it: texts are byte strings here. */
function forLibrary(value: Value): unknown {
  if (typeof value === 'string') return new TextEncoder().encode(value);
  return Array.isArray(value) ? value.map(forLibrary) : value;
}

describe('canonical CBOR', () => {
  it('is what a library writes, and what the decoder accepts', () => {
    fc.assert(
      fc.property(someValue, (value) => {
        const bytes = encoded(value);
        expect(Buffer.from(bytes)).toEqual(Buffer.from(encode(forLibrary(value))));
        decodeCanonical(bytes, 'value', bytes.length);
      }),
      runs(300),
    );
  });

  it.each([23, 24, 255, 256, 65_535, 65_536])(
    'is what a library writes of %d bytes, characters and items',
    (length) => {
      const value = [new Uint8Array(length), 'a'.repeat(length), Array.from({ length }, () => 0)];
      expect(Buffer.compare(encoded(value), encode(forLibrary(value)))).toBe(0);
    },
  );

  it('grows with the largest value, and keeps what was written before', () => {
    const large = new Uint8Array(300_000).fill(7);
    const before = encoded(['before', 1]);
    const bytes = encoded([1, large, 'é'.repeat(100_000)]);
    expect(Buffer.compare(bytes, encode(forLibrary([1, large, 'é'.repeat(100_000)])))).toBe(0);
    expect(Buffer.from(before)).toEqual(Buffer.from(encode(forLibrary(['before', 1]))));
  });

  it('takes bytes as hex digits', () => {
    fc.assert(
      fc.property(someBytes, (bytes) => {
        const hex = Buffer.from(bytes).toString('hex');
        expect(
          Buffer.compare(
            encodeCanonical((to) => to.hexBytes(hex)),
            encode(bytes),
          ),
        ).toBe(0);
      }),
      runs(100),
    );
  });

  it.each(['abc', 'abxy', 'a b0'])('has no encoding for the hex digits "%s"', (hex) => {
    expect(() => encodeCanonical((to) => to.hexBytes(hex))).toThrow('hex digits');
  });

  it('is not begun within another', () => {
    expect(() => encodeCanonical((to) => to.bytes(encoded(1)))).toThrow('finished');
    expect(Buffer.from(encoded(1))).toEqual(Buffer.from(encode(1)));
  });

  it('begins anew after a value that has no encoding', () => {
    expect(() => encoded(['before', 0.5])).toThrow();
    expect(Buffer.compare(encoded('after'), encode(forLibrary('after')))).toBe(0);
  });

  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('has no encoding for %d', (value) => {
    expect(() => encoded(value)).toThrow('canonical');
  });

  it.each([2n ** 63n, -(2n ** 63n) - 1n])('has no encoding for %d, which is not of 64 bits', (value) => {
    expect(() => encoded([value])).toThrow('64 bits');
  });
});
