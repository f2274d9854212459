/** What became of pieces is the same on the other side of a thread, whatever became of them. */
import { expect, it } from 'vitest';
import type { FileStat, PieceRead } from '../../src/folder/index.js';
import { type PieceCut, packPieces, pieceAt } from '../../src/share/pieces-cut.js';
import { plainStat } from '../support/plain-stat.js';

const stat: FileStat = {
  size: 2 ** 40 + 1,
  mtimeNs: -1n,
  ctimeNs: 1_700_000_000_123_456_789n,
  inode: 2n ** 63n,
  executable: true,
};

it('crosses as it was', () => {
  const pieces: readonly PieceRead[] = [
    { outcome: 'read', stat, bytes: 30, isEnd: true },
    { outcome: 'unreadable', reason: 'you may not read it' },
    { outcome: 'read', stat: { ...stat, executable: false }, bytes: 5, isEnd: false },
    { outcome: 'changed' },
    { outcome: 'as-found', bytes: 7 },
    { outcome: 'unreadable', reason: 'the disk cannot' },
  ];
  const counts = Uint32Array.of(2, 0, 1, 0, 1, 0);
  const lengths = Uint32Array.of(10, 20, 5, 7);
  const crossed = structuredClone(packPieces(pieces, counts, lengths));
  const plainAt = (index: number): PieceCut => {
    const piece = pieceAt(crossed, index);
    return piece.outcome === 'read' ? { ...piece, stat: plainStat(piece.stat) } : piece;
  };
  expect(pieces.map((_, index) => plainAt(index))).toEqual([
    { outcome: 'read', stat, isEnd: true },
    { outcome: 'unreadable', reason: 'you may not read it' },
    { outcome: 'read', stat: { ...stat, executable: false }, isEnd: false },
    { outcome: 'changed' },
    { outcome: 'as-found' },
    { outcome: 'unreadable', reason: 'the disk cannot' },
  ]);
  expect([crossed.counts, crossed.lengths]).toEqual([counts, lengths]);
});
