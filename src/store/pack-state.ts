/**
 * The record of how far the packs were written.
 *
 * Body of the sealed value: id of the store (16 bytes) | number of the pack written last (4) | its length (4), little
 * endian.
 */
import { packStateKey } from './key.js';
import { storeIdBytes } from './pack-record.js';
import type { PackState } from './packs.js';
import { sealValue, unsealValue } from './sealed-value.js';

export function sealPackState({ storeId, pack, length }: PackState): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(8));
  numbers.setUint32(0, pack, true);
  numbers.setUint32(4, length, true);
  return sealValue(packStateKey, storeId, new Uint8Array(numbers.buffer));
}

/** undefined if `sealed` is damaged: then the packs that are there are not written to any more. */
export function unsealPackState(sealed: Uint8Array): PackState | undefined {
  const body = unsealValue(packStateKey, sealed);
  if (body === undefined || body.length !== storeIdBytes + 8) return undefined;
  const numbers = new DataView(body.buffer, body.byteOffset + storeIdBytes, 8);
  return {
    storeId: body.slice(0, storeIdBytes),
    pack: numbers.getUint32(0, true),
    length: numbers.getUint32(4, true),
  };
}
