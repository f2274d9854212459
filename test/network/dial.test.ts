/** Shows the dial datagrams byte for byte, what passes for one, and the bounds of the gate under a clock of the test's own. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeAnswer, decodeDial, encodeAnswer, encodeDial } from '../../src/network/dial-datagram.js';
import { DialGate, dialBurst, dialsPerSecond, halfOpenMax } from '../../src/network/dial-gate.js';
import { seededBytes } from '../chunking/seeded-bytes.js';

const key = seededBytes(1, 32);
const dialOf = (n: number) => ({ nonce: seededBytes(n, 16), diallerStreamId: n });
const here = { host: '10.0.0.1', port: 1000 };
const answer = Uint8Array.of(1);

test('golden bytes', () => {
  const dial = { nonce: Uint8Array.from({ length: 16 }, (_, n) => n), diallerStreamId: 0x04030201 };
  const dialHex = Buffer.from(encodeDial(dial, key)).toString('hex');
  expect(dialHex).toMatchInlineSnapshot(
    `"0101000102030405060708090a0b0c0d0e0f010203040000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000da779da34a330410acc3efff514b9e8102a33cd34dd40348af0ba583d24b5b87"`,
  );
  const answerHex = Buffer.from(encodeAnswer({ ...dial, responderStreamId: 0x08070605 }, key)).toString(
    'hex',
  );
  expect(answerHex).toMatchInlineSnapshot(
    `"0201000102030405060708090a0b0c0d0e0f01020304050607085ab553b4bea4e0076b1acc7e79ba59576fb2b08fe2f669552d285da53d943fc5"`,
  );
});

test('what was encoded is decoded, under the same key and as the same kind only', () => {
  const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      u32,
      u32,
      (nonce, diallerStreamId, responderStreamId) => {
        const dial = { nonce, diallerStreamId };
        const full = { ...dial, responderStreamId };
        expect(decodeDial(encodeDial(dial, key), key)).toEqual(dial);
        expect(decodeAnswer(encodeAnswer(full, key), key)).toEqual(full);
        expect(decodeDial(encodeDial(dial, key), seededBytes(2, 32))).toBeUndefined();
        expect(decodeAnswer(encodeDial(dial, key), key)).toBeUndefined();
        expect(decodeDial(encodeAnswer(full, key), key)).toBeUndefined();
      },
    ),
  );
});

test('random bytes and cut ones are no dial and no answer', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeDial(bytes, key)).toBeUndefined();
      expect(decodeAnswer(bytes, key)).toBeUndefined();
    }),
  );
});

test('one address gets its burst, then its rate; another is not held back by it', () => {
  const gate = new DialGate();
  let n = 0;
  const dials = (count: number, source: typeof here, now: number): number => {
    let opened = 0;
    for (let i = 0; i < count; i++) {
      if (gate.admit(dialOf(++n), source, now).kind === 'open') opened++;
    }
    return opened;
  };
  expect(dials(50, here, 0)).toBe(dialBurst);
  expect(dials(50, { host: '10.0.0.2', port: 1 }, 0)).toBe(dialBurst);
  expect(dials(50, { ...here, port: 2000 }, 1000)).toBe(dialsPerSecond);
  expect(dials(50, here, 60_000)).toBe(dialBurst);
});

test('half-open streams are bounded, whoever opens them, and each that ends makes room', () => {
  const gate = new DialGate();
  for (let n = 1; n <= halfOpenMax; n++) {
    const source = { host: `10.0.1.${n}`, port: 1 };
    expect(gate.admit(dialOf(n), source, 0).kind).toBe('open');
    gate.remember(dialOf(n), source, answer);
  }
  expect(gate.admit(dialOf(1000), here, 0).kind).toBe('drop');
  gate.settle();
  expect(gate.admit(dialOf(1000), here, 0).kind).toBe('open');
});

test('a repeat gets the same answer at no cost, from its own address only', () => {
  const gate = new DialGate();
  gate.remember(dialOf(1), here, answer);
  for (let n = 0; n < 100; n++) expect(gate.admit(dialOf(1), here, 0)).toEqual({ kind: 'repeat', answer });
  expect(gate.admit(dialOf(1), { ...here, port: 2 }, 0).kind).toBe('drop');
  expect(gate.admit(dialOf(2), here, 0).kind).toBe('open');
});

test('5,000 dials from as many addresses leave a bounded memory behind', () => {
  const gate = new DialGate();
  for (let n = 1; n <= 5000; n++) {
    const source = { host: `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, port: 1 };
    expect(gate.admit({ nonce: Buffer.from(`nonce ${n}`), diallerStreamId: n }, source, n).kind).toBe('open');
    gate.remember({ nonce: Buffer.from(`nonce ${n}`), diallerStreamId: n }, source, answer);
    gate.settle();
  }
  expect(gate.remembered).toEqual({ answers: 1024, rates: 1024 });
});
