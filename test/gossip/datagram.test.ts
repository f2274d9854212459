/**
 * Shows that datagrams survive the wire, fit into a packet, that their bytes are frozen, and that nothing a peer can
 * send makes the decoder throw anything but MALFORMED. Golden vectors in fixtures/wire-datagrams.json.
 */
import { readFileSync } from 'node:fs';
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isShoalError } from '../../src/error.js';
import { type Datagram, datagramBytesMax, decodeDatagram, encodeDatagram } from '../../src/gossip/index.js';
import { headBytesMax } from '../../src/trust/index.js';

const datagrams: fc.Arbitrary<Datagram> = fc.oneof(
  fc.record({
    type: fc.constant('heads' as const),
    heads: fc.array(fc.uint8Array({ minLength: 1, maxLength: headBytesMax }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({
    type: fc.constantFrom('probe' as const, 'answer' as const),
    nonce: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  }),
);

/** Whatever decodes must be the one encoding of what it decodes to; any error but MALFORMED fails the test. */
function expectCanonicalOrRefused(bytes: Uint8Array): void {
  let datagram: Datagram;
  try {
    datagram = decodeDatagram(bytes);
  } catch (error) {
    if (isShoalError(error, 'MALFORMED')) return;
    throw error;
  }
  expect(encodeDatagram(datagram)).toEqual(bytes);
}

describe('datagram codec', () => {
  test('decode after encode gives the datagram back, within the bound', () => {
    fc.assert(
      fc.property(datagrams, (datagram) => {
        const bytes = encodeDatagram(datagram);
        expect(bytes.length).toBeLessThanOrEqual(datagramBytesMax);
        expect(decodeDatagram(bytes)).toEqual(datagram);
      }),
    );
  });

  test('random, mutated and truncated bytes are refused as MALFORMED or are canonical', () => {
    const random = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 60 }));
    fc.assert(
      fc.property(random, ([type, body]) => expectCanonicalOrRefused(Uint8Array.from([type, ...body]))),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(datagrams, fc.nat(), fc.integer({ min: 1, max: 255 }), (datagram, at, change) => {
        const bytes = encodeDatagram(datagram);
        expectCanonicalOrRefused(bytes.slice(0, at % bytes.length));
        expectCanonicalOrRefused(
          bytes.map((byte, index) => (index === at % bytes.length ? byte ^ change : byte)),
        );
      }),
    );
  });

  test('an answer is as long as its probe', () => {
    for (const nonce of [0, 23, 255, 65_535, 2 ** 32 - 1])
      expect(encodeDatagram({ type: 'answer', nonce })).toHaveLength(
        encodeDatagram({ type: 'probe', nonce }).length,
      );
  });

  const head = new Uint8Array(headBytesMax);
  const hostile: Record<string, Uint8Array> = {
    nothing: new Uint8Array(0),
    'only a type': Uint8Array.of(2),
    'an unknown type': Uint8Array.from([9, ...encode([1])]),
    'a datagram over the bound': new Uint8Array(datagramBytesMax + 1).fill(1),
    'nested arrays to its end': Uint8Array.from([1, ...new Uint8Array(datagramBytesMax - 1).fill(0x81)]),
    'a count of 10^9': Uint8Array.of(1, 0x81, 0x9a, 0x3b, 0x9a, 0xca, 0x00),
    'five heads': Uint8Array.from([1, ...encode([[0, 1, 2, 3, 4].map((byte) => Uint8Array.of(byte))])]),
    'no heads': Uint8Array.from([1, ...encode([[]])]),
    'a head too long': Uint8Array.from([1, ...encode([[Uint8Array.from([...head, 0])]])]),
    'a nonce over 32 bits': Uint8Array.from([2, ...encode([2 ** 32])]),
    'an overlong nonce': Uint8Array.of(2, 0x81, 0x18, 0x01),
    'a nonce that is a float': Uint8Array.from([3, ...encode([0.5])]),
    'trailing bytes': Uint8Array.from([2, ...encode([1]), 0]),
  };
  test.each(Object.entries(hostile))('%s is refused', (_name, bytes) => {
    expect(() => decodeDatagram(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  const samples: Record<string, Datagram> = {
    heads: { type: 'heads', heads: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)] },
    probe: { type: 'probe', nonce: 305_419_896 },
    answer: { type: 'answer', nonce: 7 },
  };
  const path = new URL('../../fixtures/wire-datagrams.json', import.meta.url);
  const golden: Record<string, string> = JSON.parse(readFileSync(path, 'utf8'));
  test.each(Object.entries(samples))('the bytes of %s are frozen', (name, datagram) => {
    expect(Buffer.from(encodeDatagram(datagram)).toString('hex')).toBe(golden[name]);
    expect(decodeDatagram(Buffer.from(golden[name] ?? '', 'hex'))).toEqual(datagram);
  });
});
