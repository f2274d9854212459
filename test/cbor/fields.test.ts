/** Shows that fields come back from their encoding, and that what is not as it is to be read is refused as MALFORMED. */
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  borrowFields,
  decodeFields,
  encodeFields,
  type Field,
  type FieldReader,
} from '../../src/cbor/index.js';
import { runs } from '../support/seed.js';

const malformed = expect.objectContaining({ code: 'MALFORMED' });
const bytesMax = 4096;
const bounds = { min: 0, max: 100 };

/** An array of these is nested two deep. */
const someItem: fc.Arbitrary<Field> = fc.oneof(
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);
const someFields = fc.array(fc.oneof(someItem, fc.array(someItem, { maxLength: 4 })), { maxLength: 6 });

/** Reads what the kind of `field` says. */
function readLike(reader: FieldReader, field: Field): Field {
  if (field === null) return reader.optional(() => expect.unreachable()) ?? null;
  if (typeof field === 'number') return reader.integer('a number', field, field);
  if (typeof field === 'boolean') return reader.boolean('a boolean');
  if (typeof field === 'string') return reader.textString('a text', 600);
  if (field instanceof Uint8Array) return reader.bytes('bytes', field.length, field.length);
  const list = reader.list('a list', 1, bounds);
  return field.map((item) => readLike(list, item));
}

describe('fields', () => {
  it('are encoded as a library does, and come back', () => {
    fc.assert(
      fc.property(someFields, (fields) => {
        const bytes = encodeFields(fields);
        expect(Buffer.from(bytes)).toEqual(Buffer.from(encode(fields)));
        const reader = decodeFields(bytes, 'thing', bytes.length);
        expect(fields.map((field) => readLike(reader, field))).toEqual(fields);
        reader.end();
      }),
      runs(500),
    );
  });

  it.each([
    ['plain bytes', (bytes: number[]) => Uint8Array.from(bytes)],
    ['a Buffer', (bytes: number[]) => Buffer.from(bytes)],
  ])('are copied out of %s, or borrowed', (_name, make) => {
    const bytes = make([...encodeFields([Uint8Array.of(7, 8)])]);
    const copied = decodeFields(bytes, 'thing', bytesMax).bytes('bytes', 2, 2);
    const borrowed = borrowFields(bytes, 'thing', bytesMax).bytes('bytes', 2, 2);
    bytes.fill(0);
    expect([...copied, ...borrowed]).toEqual([7, 8, 0, 0]);
  });

  const hostile: Record<string, readonly [fields: readonly Field[], read: (reader: FieldReader) => unknown]> =
    {
      'a number below its bounds': [[0], (reader) => reader.integer('it', 1, 5)],
      'a number above its bounds': [[6], (reader) => reader.integer('it', 1, 5)],
      'a text where a number is to be': [['1'], (reader) => reader.integer('it', 1, 5)],
      'a number where a text is to be': [[1], (reader) => reader.textString('it', 5)],
      'a byte string where a text is to be': [[new Uint8Array(1)], (reader) => reader.textString('it', 5)],
      'a text too long': [['123456'], (reader) => reader.textString('it', 5)],
      'a text where bytes are to be': [['1'], (reader) => reader.bytes('it', 1, 5)],
      'bytes too short': [[new Uint8Array(1)], (reader) => reader.bytes('it', 2, 5)],
      'bytes too long': [[new Uint8Array(6)], (reader) => reader.bytes('it', 2, 5)],
      'bytes that are no UTF-8': [[Uint8Array.of(0xff)], (reader) => reader.text('it', 5)],
      'a number where a boolean is to be': [[1], (reader) => reader.boolean('it')],
      'null where something is to be': [[null], (reader) => reader.integer('it', 0, 5)],
      'a number where a list is to be': [[1], (reader) => reader.list('it', 1, bounds)],
      'a list too long': [[[1, 2]], (reader) => reader.list('it', 1, { min: 0, max: 1 })],
      'a list too short': [[[]], (reader) => reader.items('it', { min: 1, max: 2 }, () => undefined)],
      'half an item': [[[1, 2, 3]], (reader) => reader.list('it', 2, bounds)],
      'a wrong item': [
        [[1, 'two']],
        (reader) => reader.items('it', bounds, (list) => list.integer('it', 0, 5)),
      ],
      'a field too few': [[], (reader) => reader.boolean('it')],
      'a field too many': [[1], (reader) => reader.end()],
    };
  it.each(Object.entries(hostile))('with %s are refused', (_name, [fields, read]) => {
    const reader = decodeFields(encodeFields(fields), 'thing', bytesMax);
    expect(() => read(reader)).toThrow(malformed);
  });

  it('are refused as something else than an array, and where they are too long', () => {
    expect(() => decodeFields(encode(5), 'thing', bytesMax)).toThrow(malformed);
    expect(() => decodeFields(encodeFields([1, 2]), 'thing', 2)).toThrow('longer than 2 bytes');
  });
});
