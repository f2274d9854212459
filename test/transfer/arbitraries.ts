/** Generators of valid messages for the property tests of the codec. */
import fc from 'fast-check';
import { type ChunkId, chunkBytesMax, chunkIdFromBytes } from '../../src/chunking/index.js';
import { type Message, nonceMax, refuseReasons } from '../../src/transfer/index.js';
import { type DeviceId, deviceIdFromBytes } from '../../src/trust/index.js';

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

export const chunkIds: fc.Arbitrary<ChunkId> = bytesOf(32).map(chunkIdFromBytes);
const deviceIds: fc.Arbitrary<DeviceId> = bytesOf(32).map(deviceIdFromBytes);
const idLists = fc.uniqueArray(chunkIds, { minLength: 1, maxLength: 20 });
const records = fc.array(fc.uint8Array({ minLength: 1, maxLength: 256 }), { minLength: 1, maxLength: 8 });
const names = fc.string({ maxLength: 20, unit: 'grapheme' });
const nonces = fc.integer({ min: 0, max: nonceMax });
const addresses = fc.tuple(fc.domain(), fc.integer({ min: 1, max: 65_535 })).map((part) => part.join(':'));

const encodedChunks = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), fc.integer({ min: 1, max: 60_000 }), fc.boolean())
  .map(([bytes, saved, compressed]) =>
    compressed
      ? ({ codec: 'zstd', plainLength: Math.min(bytes.length + saved, chunkBytesMax), bytes } as const)
      : ({ codec: 'raw', plainLength: bytes.length, bytes } as const),
  );

export const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocol: fc.constant(1 as const),
    name: names,
    port: fc.integer({ min: 0, max: 65_535 }),
  }),
  fc.record({ type: fc.constant('heads' as const), heads: records }),
  fc.record({ type: fc.constant('members' as const), records }),
  fc.record({
    type: fc.constant('addresses' as const),
    list: fc.array(fc.record({ device: deviceIds, address: addresses }), { minLength: 1, maxLength: 10 }),
  }),
  fc.record({ type: fc.constant('want' as const), ids: idLists }),
  fc.record({ type: fc.constant('chunk' as const), id: chunkIds, chunk: encodedChunks }),
  fc.record({ type: fc.constant('absent' as const), ids: idLists }),
  fc.record({ type: fc.constant('join' as const), token: bytesOf(16), name: names }),
  fc.record({ type: fc.constant('welcome' as const), records }),
  fc.record({
    type: fc.constant('refuse' as const),
    reason: fc.constantFrom(...refuseReasons),
    text: fc.string({ maxLength: 200 }),
  }),
  fc.record({ type: fc.constantFrom('ping' as const, 'pong' as const), nonce: nonces }),
);

/** A mutation of an encoded message: one byte changed, some cut off, or some put in. */
export function mutate(
  bytes: Uint8Array,
  kind: 'flip' | 'cut' | 'insert',
  at: number,
  value: number,
): Uint8Array {
  const index = at % bytes.length;
  if (kind === 'cut') return bytes.slice(0, index);
  if (kind === 'flip')
    return bytes.map((byte, place) => (place === index ? byte ^ (1 + (value % 255)) : byte));
  return Uint8Array.from([...bytes.subarray(0, index), value & 0xff, ...bytes.subarray(index)]);
}
