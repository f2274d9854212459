import { expect, test } from 'vitest';
import { chunkIdToBytes, chunkIdWord, parseChunkId } from '../../src/chunking/index.js';
import { seededBytes } from './seeded-bytes.js';

test('each word of an id is the number that its four bytes are', () => {
  for (let seed = 0; seed < 32; seed++) {
    const bytes = Buffer.from(seededBytes(seed, 32));
    const id = parseChunkId(bytes.toString('hex'));
    expect(Buffer.from(chunkIdToBytes(id))).toEqual(bytes);
    const words = Array.from({ length: 8 }, (_, index) => chunkIdWord(id, index));
    expect(words).toEqual(Array.from({ length: 8 }, (_, index) => bytes.readUInt32BE(4 * index)));
  }
  expect(chunkIdWord(parseChunkId('f'.repeat(64)), 7)).toBe(0xffff_ffff);
});
