/** Shows that a control frame means the same on both sides, is bound to one connection, and cannot write on a terminal. */
import { expect, test } from 'vitest';
import { controlBytesMax, decodeControl, encodeControl } from '../../src/network/control-frame.js';
import { seededBytes } from '../chunking/seeded-bytes.js';

const binding = seededBytes(1, 32);

test('acceptance comes back; of another connection, cut or lengthened it does not', () => {
  const frame = encodeControl({ kind: 'accepted', datagramIndex: 0xfedcba98 }, binding);
  expect(decodeControl(frame, binding)).toEqual({ kind: 'accepted', datagramIndex: 0xfedcba98 });
  expect(() => decodeControl(frame, seededBytes(2, 32))).toThrow(/another connection/);
  for (let length = 1; length < frame.length; length++) {
    expect(() => decodeControl(frame.subarray(0, length), binding)).toThrow();
  }
  expect(() => decodeControl(Buffer.concat([frame, Buffer.of(0)]), binding)).toThrow(/unknown form/);
});

test('a refusal is thrown with its reason, in one short line without control characters', () => {
  const text = `no\u001b[31m\n\u202ere${'x'.repeat(500)}\u{1f41f}`;
  const frame = encodeControl({ kind: 'refused', text }, binding);
  expect(frame.length).toBeLessThanOrEqual(controlBytesMax);
  expect(() => decodeControl(frame, binding)).toThrow(/^no\?\[31m\?\?rex{189}$/);
  const raw = Buffer.concat([Buffer.of(1, 2), binding, Buffer.from('a\u0007b\u2028c'), Buffer.of(0xff)]);
  expect(() => decodeControl(raw, binding)).toThrow('a?b?c\ufffd');
  const fish = encodeControl({ kind: 'refused', text: '\u{1f41f}'.repeat(300) }, binding);
  expect(fish.length).toBe(controlBytesMax);
});

test('another version of the protocol is refused with both numbers', () => {
  expect(() => decodeControl(Buffer.of(2), binding)).toThrow(/protocol 2, this device 1/);
});
