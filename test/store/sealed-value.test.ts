/**
 * Shows that a sealed value opens under its own key and unchanged only, by properties, and pins the bytes on disk with
 * golden vectors: a change of them needs a new version and a migration.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseChunkId } from '../../src/chunking/index.js';
import { LocationSealer, sealLocation, unsealChunk } from '../../src/store/chunk-value.js';
import { sealFormat } from '../../src/store/format.js';
import { frameCopy } from '../../src/store/framed-record.js';
import { chunkKey, recordKey } from '../../src/store/key.js';
import { Sealer, sealValue, unsealValue } from '../../src/store/sealed-value.js';
import { sealTotals, unsealTotals } from '../../src/store/totals.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = fc.uint8Array({ maxLength: 200 });

it('opens what it sealed', () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, (key, one, other) => {
      const sealed = sealValue(key, one, other);
      expect(hex(unsealValue(key, sealed) ?? new Uint8Array(1))).toBe(hex(one) + hex(other));
    }),
  );
});

it('does not open a value with any one bit flipped, any tail cut, or under another key', () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, fc.nat(), (key, body, otherKey, place) => {
      const sealed = sealValue(key, body);
      const bit = place % (sealed.length * 8);
      const flipped = sealed.with(bit >> 3, (sealed[bit >> 3] ?? 0) ^ (1 << (bit & 7)));
      expect(unsealValue(key, flipped)).toBeUndefined();
      expect(unsealValue(key, sealed.subarray(0, place % sealed.length))).toBeUndefined();
      if (hex(otherKey) !== hex(key)) expect(unsealValue(otherKey, sealed)).toBeUndefined();
    }),
  );
});

it('seals one value after another as it seals each alone, of whatever lengths', () => {
  const lengthy = fc.oneof(bytes, fc.uint8Array({ minLength: 400, maxLength: 2000 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(bytes, lengthy, bytes, bytes)), (values) => {
      const sealer = new Sealer(200, 2000);
      for (const [key, body, before, after] of values) {
        sealer.keyRoom.set(key);
        const bodies = Buffer.concat([before, body, after]);
        const operation = sealer.put(key.length, bodies, before.length, before.length + body.length);
        expect(hex(operation.key)).toBe(hex(key));
        expect('value' in operation && hex(operation.value)).toBe(hex(sealValue(key, body)));
      }
    }),
  );
});

it('says where chunks lie as it says it of one', () => {
  const number = fc.nat({ max: 2 ** 32 - 1 });
  const location = fc.record({
    codec: fc.constantFrom('raw', 'zstd', 'bundle', 'run'),
    pack: number,
    offset: number,
    plainLength: number,
    encodedLength: number,
    storedBytes: number,
    within: number,
  });
  const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((seed) => parseChunkId(hex(seed)));
  fc.assert(
    fc.property(fc.array(fc.tuple(id, location)), (places) => {
      const sealer = new LocationSealer();
      for (const [one, where] of places) {
        const operation = sealer.put(one, where);
        expect(hex(operation.key)).toBe(hex(chunkKey(one)));
        expect('value' in operation && hex(operation.value)).toBe(hex(sealLocation(chunkKey(one), where)));
      }
    }),
  );
});

it('refuses a chunk longer than any chunk may be, and a codec it does not know', () => {
  const key = Uint8Array.of(1);
  const body = (codec: number, plainLength: number): Uint8Array => {
    const header = new Uint8Array(5);
    header[0] = codec;
    new DataView(header.buffer).setUint32(1, plainLength, true);
    return sealValue(key, header);
  };
  expect(unsealChunk(key, body(0, 96 * 1024))).toBeDefined();
  expect(unsealChunk(key, body(0, 96 * 1024 + 1))).toBeUndefined();
  expect(unsealChunk(key, body(2, 1))).toBeUndefined();
  expect(unsealChunk(key, body(255, 1))).toBeUndefined();
});

it('refuses record keys that UTF-8 cannot tell apart', () => {
  expect(() => recordKey('stat', 'a\ud800')).toThrow(/well-formed/);
  expect(() => recordKey('stat', 'x'.repeat(9000))).toThrow(/8192/);
});

it('keeps the format on disk', () => {
  const id = parseChunkId('ff'.padStart(64, '0'));
  const key = chunkKey(id);
  expect(hex(key)).toBe(`63${id}`);
  expect(hex(recordKey('stat', 'é/x'))).toBe('72737461742fc3a92f78');
  expect(
    hex(frameCopy(id, { codec: 'zstd', plainLength: 258, bytes: Uint8Array.of(7, 8) }).written),
  ).toMatchInlineSnapshot(`"013630339a01020100000708"`);
  expect(hex(sealValue(recordKey('state', 'own'), Uint8Array.of(1, 2, 3)))).toMatchInlineSnapshot(
    `"01d68a08fd010203"`,
  );
  expect(hex(sealFormat(1))).toMatchInlineSnapshot(`"0165b0b0f801000000"`);
  const totals = { chunks: 1, bytes: 2 ** 40, plainBytes: 2 ** 52 + 1 };
  expect(hex(sealTotals(totals))).toMatchInlineSnapshot(
    `"017de6e87a010000000000000000000000000100000100000000001000"`,
  );
  expect(unsealTotals(sealTotals(totals))).toEqual(totals);
});
