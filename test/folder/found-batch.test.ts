/** What a walk finds comes out of a batch as it went in, whatever the batch before had. */
import { expect, it } from 'vitest';
import { BatchPacker, FoundBatch } from '../../src/folder/found-batch.js';
import type { FileStat, Found } from '../../src/folder/index.js';
import { withPlainStat } from '../support/plain-stat.js';
import { at } from './scratch.js';

const stat: FileStat = { size: 5, mtimeNs: -1n, ctimeNs: 2n ** 40n, inode: 2n ** 63n, executable: true };

const everything: readonly Found[] = [
  { kind: 'file', path: at('a'), stat },
  { kind: 'symlink', path: at('b'), stat: { ...stat, executable: false }, target: 'a' },
  { kind: 'blocked', name: 'c\\xff', reason: 'no name' },
  { kind: 'blocked', path: at('d'), name: 'd', reason: 'a FIFO' },
  { kind: 'unreadable', path: at('e'), reason: 'no permission' },
  { kind: 'directory', path: at('f') },
];
const directories: readonly Found[] = everything.map((_, index) => ({
  kind: 'directory',
  path: at(`d${index}`),
}));

function packed(packer: BatchPacker, items: readonly Found[]): FoundBatch {
  for (const item of items) packer.add(item);
  return new FoundBatch(packer.take());
}

it('holds everything that can be found', () => {
  const packer = new BatchPacker(everything.length);
  const batch = packed(packer, everything);
  expect(packer.isFull).toBe(false);
  expect(everything.map((_, index) => withPlainStat(batch.at(index)))).toEqual(everything);
});

it('is full when it has as many as it may', () => {
  const packer = new BatchPacker(2);
  packer.add({ kind: 'directory', path: at('a') });
  expect(packer.isFull).toBe(false);
  packer.add({ kind: 'directory', path: at('b') });
  expect(packer.isFull).toBe(true);
});

it('is equal to a batch of the same things, whatever was packed before', () => {
  const packer = new BatchPacker(everything.length);
  packed(packer, everything);
  const digest = packed(new BatchPacker(100), directories).digest;
  expect(packed(packer, directories).digest).toEqual(digest);
  expect(packed(packer, everything).digest).not.toEqual(digest);
});
