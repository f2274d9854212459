/**
 * Totals of the chunks, written in the same batch as the chunks they count: right after any end of the process, and
 * after a power cut unless LevelDB lost batches at the end of a full log (docs/DECISIONS.md). `verify` puts them right.
 *
 * Body of the sealed value: chunks, bytes, plain bytes (8 bytes each, little endian).
 */
import type { ChunkTotals } from './chunk-store.js';
import { totalsKey } from './key.js';
import { sealValue, unsealValue } from './sealed-value.js';

const fieldBytes = 8;

export const noTotals: ChunkTotals = { chunks: 0, bytes: 0, plainBytes: 0 };

export function addTotals(a: ChunkTotals, b: ChunkTotals): ChunkTotals {
  return { chunks: a.chunks + b.chunks, bytes: a.bytes + b.bytes, plainBytes: a.plainBytes + b.plainBytes };
}

/** Never below nothing: a damaged value may have been counted as something else than it is taken away as. */
export function subtractTotals(from: ChunkTotals, gone: ChunkTotals): ChunkTotals {
  return {
    chunks: Math.max(0, from.chunks - gone.chunks),
    bytes: Math.max(0, from.bytes - gone.bytes),
    plainBytes: Math.max(0, from.plainBytes - gone.plainBytes),
  };
}

export function sealTotals(totals: ChunkTotals): Uint8Array {
  const fields = [totals.chunks, totals.bytes, totals.plainBytes];
  const view = new DataView(new ArrayBuffer(fields.length * fieldBytes));
  fields.forEach((field, index) => {
    view.setBigUint64(index * fieldBytes, BigInt(field), true);
  });
  return sealValue(totalsKey, new Uint8Array(view.buffer));
}

/** undefined if `sealed` is damaged: then the chunks must be counted. */
export function unsealTotals(sealed: Uint8Array): ChunkTotals | undefined {
  const body = unsealValue(totalsKey, sealed);
  if (body === undefined || body.length !== 3 * fieldBytes) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const field = (index: number): number => Number(view.getBigUint64(index * fieldBytes, true));
  return { chunks: field(0), bytes: field(1), plainBytes: field(2) };
}
