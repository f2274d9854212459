/**
 * Shows that messages survive the wire, that their bytes are frozen, and that nothing a peer can send makes the
 * decoder throw anything but MALFORMED. Properties by fast-check; golden vectors in fixtures/wire-messages.json.
 */
import { readFileSync } from 'node:fs';
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunkBytesMax, parseChunkId } from '../../src/chunking/index.js';
import { isShoalError } from '../../src/error.js';
import { decodeMessage, encodeMessage, frameBytesMax, type Message } from '../../src/transfer/index.js';
import { messages, mutate } from './arbitraries.js';
import { samples } from './sample-messages.js';

/** Decodes, and gives undefined for MALFORMED; any other error fails the test. */
function decodeOrRefuse(frame: Uint8Array): Message | undefined {
  try {
    return decodeMessage(frame);
  } catch (error) {
    if (isShoalError(error, 'MALFORMED')) return undefined;
    throw error;
  }
}

const frameOf = (typeByte: number, body: Uint8Array): Uint8Array => Uint8Array.from([typeByte, ...body]);
const cborFrame = (typeByte: number, fields: unknown): Uint8Array => frameOf(typeByte, encode(fields));
const id = parseChunkId('ab'.repeat(32));
const idBytes = new Uint8Array(32).fill(0xab);

describe('message codec', () => {
  test('decode after encode gives the message back', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeMessage(encodeMessage(message))).toEqual(message);
      }),
    );
  });

  test('random bytes are refused as MALFORMED or are canonical', () => {
    const frames = fc.tuple(fc.integer({ min: 0, max: 14 }), fc.uint8Array({ maxLength: 200 }));
    fc.assert(
      fc.property(frames, ([typeByte, body]) => {
        const frame = frameOf(typeByte, body);
        const message = decodeOrRefuse(frame);
        if (message !== undefined) expect(encodeMessage(message)).toEqual(frame);
      }),
      { numRuns: 2_000 },
    );
  });

  test('mutated and truncated messages are refused as MALFORMED or are canonical', () => {
    const kinds = fc.constantFrom('flip' as const, 'cut' as const, 'insert' as const);
    fc.assert(
      fc.property(messages, kinds, fc.nat(), fc.nat(), (message, kind, at, value) => {
        const frame = mutate(encodeMessage(message), kind, at, value);
        const decoded = decodeOrRefuse(frame);
        if (decoded !== undefined) expect(encodeMessage(decoded)).toEqual(frame);
      }),
      { numRuns: 1_000 },
    );
  });

  test('a decoded chunk borrows the frame, everything else is a copy, also out of a Buffer', () => {
    const chunk = { codec: 'raw', plainLength: 3, bytes: Uint8Array.of(1, 2, 3) } as const;
    const frame = encodeMessage({ type: 'chunk', id, chunk });
    const decoded = decodeMessage(frame);
    expect(decoded.type === 'chunk' && decoded.chunk.bytes.buffer === frame.buffer).toBe(true);

    const buffer = Buffer.from(encodeMessage({ type: 'heads', heads: [Uint8Array.of(7, 8, 9)] }));
    const heads = decodeMessage(buffer);
    buffer.fill(0);
    expect(heads).toEqual({ type: 'heads', heads: [Uint8Array.of(7, 8, 9)] });
  });

  test('we cannot send what we would refuse', () => {
    const twice: Message = { type: 'want', ids: [id, id] };
    const long: Message = { type: 'refuse', reason: 'busy', text: 'x'.repeat(201) };
    const bomb: Message = {
      type: 'chunk',
      id,
      chunk: { codec: 'zstd', plainLength: chunkBytesMax + 1, bytes: idBytes },
    };
    for (const message of [twice, long, bomb]) expect(() => encodeMessage(message)).toThrow(/bounds|length/);
  });
});

describe('what a hostile peer may send', () => {
  const ids = (count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, index) => {
      const bytes = new Uint8Array(32);
      new DataView(bytes.buffer).setUint32(0, index);
      return bytes;
    });
  const chunkHeader = (codec: number, plainLength: number): number[] => [
    ...idBytes,
    codec,
    plainLength >>> 24,
    (plainLength >>> 16) & 255,
    (plainLength >>> 8) & 255,
    plainLength & 255,
  ];
  const hostile: Record<string, Uint8Array> = {
    'an empty frame': new Uint8Array(0),
    'an unknown type': cborFrame(99, [1]),
    'a frame over the bound': new Uint8Array(frameBytesMax + 1).fill(5),
    'nested arrays to the end of the frame': frameOf(5, new Uint8Array(frameBytesMax - 1).fill(0x81)),
    'a count of 10^9': Uint8Array.of(5, 0x81, 0x9a, 0x3b, 0x9a, 0xca, 0x00),
    'a byte string of 4 GiB': Uint8Array.of(2, 0x81, 0x81, 0x5a, 0xff, 0xff, 0xff, 0xff),
    'a length of 2^64 - 1': Uint8Array.of(2, 0x81, 0x81, 0x5b, 255, 255, 255, 255, 255, 255, 255, 255),
    'an indefinite array': Uint8Array.of(11, 0x9f, 0x01, 0xff),
    'an overlong number': Uint8Array.of(11, 0x81, 0x18, 0x01),
    'a map': Uint8Array.of(11, 0x81, 0xa0),
    'a tag': Uint8Array.of(11, 0x81, 0xc1, 0x01),
    'a float': cborFrame(11, [1.5]),
    'a negative nonce': cborFrame(11, [-1]),
    'a nonce over 32 bits': cborFrame(11, [2 ** 32]),
    'a number over 2^53': cborFrame(11, [2n ** 60n]),
    'trailing bytes': Uint8Array.of(11, 0x81, 0x01, 0x00),
    'a field too many': cborFrame(11, [1, 2]),
    'invalid UTF-8': Uint8Array.of(1, 0x83, 0x01, 0x61, 0xff, 0x01),
    'another protocol': cborFrame(1, [2, 'name', 1]),
    'a port over 65535': cborFrame(1, [1, 'name', 65_536]),
    'a name too long': cborFrame(1, [1, 'x'.repeat(65), 1]),
    'no ids': cborFrame(5, [[]]),
    'an id twice': cborFrame(5, [[idBytes, idBytes]]),
    'a short id': cborFrame(5, [[idBytes.subarray(1)]]),
    '257 ids': cborFrame(5, [ids(257)]),
    'a head too long': cborFrame(2, [[new Uint8Array(257)]]),
    'an address with a line break': cborFrame(4, [[[idBytes, 'host\n:1']]]),
    'an unknown reason': cborFrame(10, [99, 'text']),
    'a token of 15 bytes': cborFrame(8, [new Uint8Array(15), 'name']),
    'a chunk cut in its header': frameOf(6, idBytes),
    'a chunk without content': frameOf(6, Uint8Array.from(chunkHeader(0, 0))),
    'a raw chunk shorter than it says': frameOf(6, Uint8Array.from([...chunkHeader(0, 5), 1, 2, 3])),
    'a chunk of an unknown codec': frameOf(6, Uint8Array.from([...chunkHeader(2, 3), 1, 2, 3])),
    'a compressed chunk of no plain bytes': frameOf(6, Uint8Array.from([...chunkHeader(1, 0), 1])),
    'a compressed chunk of 4 GiB': frameOf(6, Uint8Array.from([...chunkHeader(1, 2 ** 32 - 1), 1])),
    'a compressed chunk that grew': frameOf(6, Uint8Array.from([...chunkHeader(1, 3), 1, 2, 3])),
  };
  test.each(Object.entries(hostile))('%s is refused', (_name, frame) => {
    expect(() => decodeMessage(frame)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });
});

describe('golden vectors', () => {
  const path = new URL('../../fixtures/wire-messages.json', import.meta.url);
  const golden: Record<string, string> = JSON.parse(readFileSync(path, 'utf8'));

  test('there is a vector for every sample, and no other', () => {
    expect(Object.keys(golden)).toEqual(Object.keys(samples));
  });

  test.each(Object.entries(samples))('%s', (name, message) => {
    expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(golden[name]);
    expect(decodeMessage(Buffer.from(golden[name] ?? '', 'hex'))).toEqual(message);
  });
});
