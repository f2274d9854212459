/** The stat records of the store as a sequence in the order of the folder, to be read along with others (cursor.ts). */
import type { RelPath } from '../manifest/index.js';
import { pathKey } from './records.js';
import type { Replica } from './replica.js';

export interface EncodedStatRecord {
  /** Only to be compared with paths that were found: it need not be one that a share may contain. */
  readonly path: RelPath;
  readonly bytes: Uint8Array;
}

export interface StatRange {
  /** Only this path and what is under it. */
  readonly under?: RelPath | undefined;
  /** Only this path and what comes after it. */
  readonly from?: RelPath | undefined;
}

/** Records taken from the store at once. */
const recordsPerBatch = 512;

/** Stat records are a cache: one that is damaged is left out, and its file read again. */
export async function* statRecords(
  { store }: Replica,
  { under, from }: StatRange,
): AsyncGenerator<readonly EncodedStatRecord[]> {
  const place = under === undefined ? {} : { from: pathKey(under), below: `${pathKey(under)}\u0001` };
  const range = { ...place, ...(from === undefined ? {} : { from: pathKey(from) }) };
  let batch: EncodedStatRecord[] = [];
  for await (const [key, bytes] of store.records('stat', { ...range, onDamage: () => undefined })) {
    if (batch.push({ path: key.replaceAll('\0', '/') as RelPath, bytes }) < recordsPerBatch) continue;
    yield batch;
    batch = [];
  }
  yield batch;
}
