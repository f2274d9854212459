/** Shows that frames come out as they went in however the bytes are cut, and that bad lengths stop before allocating. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameDecoder, frameHeader } from '../../src/network/frame-decoder.js';
import { frameBytesMax } from '../../src/transfer/index.js';

const encode = (frames: readonly Uint8Array[]): Uint8Array =>
  Buffer.concat(frames.flatMap((frame) => [frameHeader(frame.length), frame]));

test('any frames, cut anywhere', () => {
  const frames = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 20 });
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(frames, cuts, (sent, lengths) => {
      const bytes = encode(sent);
      const decoder = new FrameDecoder(300);
      const got: Uint8Array[] = [];
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const length = lengths[n % lengths.length] ?? 1;
        got.push(...decoder.decode(bytes.subarray(at, at + length)));
        at += length;
      }
      expect(got).toEqual(sent);
    }),
  );
});

test('a frame does not share memory with the bytes it came in', () => {
  const bytes = encode([Uint8Array.of(1, 2, 3)]);
  const [frame] = new FrameDecoder(8).decode(bytes);
  bytes.fill(9);
  expect(frame).toEqual(Uint8Array.of(1, 2, 3));
});

test.each([0, frameBytesMax + 1, 0x7fff_ffff, 0xffff_ffff])(
  'length %i is rejected, also when the header comes in pieces',
  (length) => {
    const decoder = new FrameDecoder(frameBytesMax);
    const header = frameHeader(length);
    expect([...decoder.decode(header.subarray(0, 3))]).toEqual([]);
    expect(() => [...decoder.decode(header.subarray(3))]).toThrow(/a frame of/);
  },
);

test('the longest frame passes', () => {
  const frame = new Uint8Array(frameBytesMax).fill(7);
  const [got] = new FrameDecoder(frameBytesMax).decode(encode([frame]));
  expect(Buffer.compare(got ?? new Uint8Array(), frame)).toBe(0);
});
