/**
 * What became of the pieces of a job, in columns: so that it crosses from one thread to another cheaply, and becomes
 * objects only where it is used.
 */
import {
  decodeFileStat,
  encodeFileStat,
  type FileStat,
  fileStatBytes,
  type PieceRead,
} from '../folder/index.js';

/** `partly`: there is more of the file. Of such a piece the last bytes are left uncut. */
const outcomes = ['as-found', 'whole', 'partly', 'changed', 'unreadable'] as const;

export interface PiecesCut {
  /** Index into `outcomes`, of each piece. */
  readonly outcomes: Uint8Array;
  /** Of each piece an encoded stat; zeros unless it was read, and is not as it was found. */
  readonly stats: Uint8Array;
  /** Chunks of each piece. */
  readonly counts: Uint32Array;
  /** Of all chunks, one piece's behind the other's. */
  readonly lengths: Uint32Array;
  /** By piece: why it is unreadable. */
  readonly reasons: ReadonlyMap<number, string>;
}

export type PieceCut =
  | { readonly outcome: 'as-found' }
  | { readonly outcome: 'read'; readonly stat: FileStat; readonly isEnd: boolean }
  | Exclude<PieceRead, { readonly bytes: number }>;

/** Nearly all of them. */
const asFound: PieceCut = { outcome: 'as-found' };

/**
 * @param counts - chunks of each piece
 * @param lengths - of all chunks
 */
export function packPieces(
  pieces: readonly PieceRead[],
  counts: Uint32Array,
  lengths: Uint32Array,
): PiecesCut {
  const codes = new Uint8Array(pieces.length);
  const stats = new Uint8Array(pieces.length * fileStatBytes);
  const view = new DataView(stats.buffer);
  const reasons = new Map<number, string>();
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index] as PieceRead;
    codes[index] = outcomes.indexOf(outcomeOf(piece));
    if (piece.outcome === 'read') encodeFileStat(piece.stat, view, index * fileStatBytes);
    if (piece.outcome === 'unreadable') reasons.set(index, piece.reason);
  }
  return { outcomes: codes, stats, counts, lengths, reasons };
}

export function pieceAt({ outcomes: codes, stats, reasons }: PiecesCut, index: number): PieceCut {
  const outcome = outcomes[codes[index] as number] as (typeof outcomes)[number];
  if (outcome === 'unreadable') return { outcome, reason: reasons.get(index) ?? '' };
  if (outcome === 'as-found') return asFound;
  if (outcome === 'changed') return { outcome };
  const view = new DataView(stats.buffer, stats.byteOffset, stats.length);
  return { outcome: 'read', stat: decodeFileStat(view, index * fileStatBytes), isEnd: outcome === 'whole' };
}

function outcomeOf(piece: PieceRead): (typeof outcomes)[number] {
  if (piece.outcome !== 'read') return piece.outcome;
  return piece.isEnd ? 'whole' : 'partly';
}
