/**
 * What the database knows of a finished pack, one value a pack: by it a pack that is missing, cut short, swapped with
 * another or an older state of itself is told from the one that was written.
 *
 * Body of the sealed value: id of the store in the pack's header (16 bytes) | length of the pack (4) | hash of its footer
 * (32; zeros: it has none). Numbers are little endian. A length of 0 says that nothing of the pack is relied on.
 */
import type { Operation } from './database.js';
import { packKey } from './key.js';
import { footerHashBytes } from './pack-footer.js';
import { storeIdBytes } from './pack-record.js';
import { sealValue, unsealValue } from './sealed-value.js';

export interface PackNote {
  readonly storeId: Uint8Array;
  /** In bytes, footer included. */
  readonly length: number;
  /** undefined for a pack that was finished without a footer. */
  readonly footerHash: Uint8Array | undefined;
}

/** What writes the note of the pack `number`. */
export function noteOperation(number: number, note: PackNote): Operation {
  const key = packKey(number);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, note.length, true);
  const value = sealValue(key, note.storeId, length, note.footerHash ?? new Uint8Array(footerHashBytes));
  return { type: 'put', key, value };
}

/** The note in `sealed`; undefined if it is not intact. */
export function unsealNote(number: number, sealed: Uint8Array): PackNote | undefined {
  const body = unsealValue(packKey(number), sealed);
  if (body?.length !== storeIdBytes + 4 + footerHashBytes) return undefined;
  const length = new DataView(body.buffer, body.byteOffset).getUint32(storeIdBytes, true);
  const footerHash = body.slice(storeIdBytes + 4);
  const hasFooter = footerHash.some((byte) => byte !== 0);
  return {
    storeId: body.slice(0, storeIdBytes),
    length,
    footerHash: hasFooter ? footerHash : undefined,
  };
}
