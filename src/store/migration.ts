/**
 * Brings a store of an earlier format up to date, in place.
 *
 * 1: all chunks lie in values. Those that belong in packs move there batch by batch: the records are on the disk before
 *    the values that speak of them are written, and each batch leaves a store whose chunks can all be read.
 * 2: packs have no footers and are not noted. They are noted as they are: footers would need every record read.
 * 3: there are no bundles, 4: and no runs. Nothing changes: every record is read as before.
 *
 * The format record is written last, in one batch with the last change. After a crash the next start begins again, and
 * finds less to do. A value that is damaged stays as it is, for `verify` to report.
 */
import type { ChunkId } from '../chunking/index.js';
import { packedBytesMin, sealLocation, unsealChunk } from './chunk-value.js';
import type { Database, Operation } from './database.js';
import { formatOperation } from './format.js';
import { chunkIdOfKey, chunkRange, packStateKey, totalsKey } from './key.js';
import type { PackLocation } from './pack-location.js';
import { encodeRecord } from './pack-record.js';
import { sealPackState } from './pack-state.js';
import { strayNotes } from './pack-strays.js';
import type { Packs } from './packs.js';
import { batchBytesMax } from './write-queue.js';

interface Parts {
  readonly database: Database;
  readonly packs: Packs;
}

/** A chunk on its way from a value to a pack. */
interface Moving {
  readonly key: Uint8Array;
  readonly record: Uint8Array;
  readonly what: Omit<PackLocation, 'pack' | 'offset'>;
}

/**
 * @param version - the format of the store, older than the one that is written
 * @param batchBytes - how many bytes move together
 */
export async function migrate(parts: Parts, version: number, batchBytes = batchBytesMax): Promise<void> {
  const { database, packs } = parts;
  const done: Operation[] = version < 3 ? await strayNotes(database, packs, 0) : [];
  if (version === 1) {
    await moveToPacks(parts, batchBytes);
    done.push({ type: 'del', key: totalsKey }); // a chunk takes other bytes in a pack: they are counted again
  }
  await database.write([...done, formatOperation()], { sync: true });
}

async function moveToPacks(parts: Parts, batchBytes: number): Promise<void> {
  let batch: Moving[] = [];
  let bytes = 0;
  for await (const [key, value] of parts.database.entries(chunkRange)) {
    const moving = movingOf(key, value);
    if (moving === undefined) continue;
    batch.push(moving);
    bytes += moving.record.length;
    if (bytes < batchBytes) continue;
    await moveBatch(parts, batch);
    [batch, bytes] = [[], 0];
  }
  if (batch.length > 0) await moveBatch(parts, batch);
}

/** The chunk in `value`, if it belongs in a pack. */
function movingOf(key: Uint8Array, value: Uint8Array): Moving | undefined {
  const id: ChunkId | undefined = chunkIdOfKey(key);
  const stored = unsealChunk(key, value);
  if (id === undefined || stored?.kind !== 'inline') return undefined;
  const { codec, plainLength, bytes } = stored.encoded;
  if (bytes.length < packedBytesMin) return undefined;
  const record = encodeRecord(id, stored.encoded);
  const what = { codec, plainLength, encodedLength: bytes.length, storedBytes: record.length, within: 0 };
  return { key: Uint8Array.from(key), record, what };
}

async function moveBatch({ database, packs }: Parts, batch: readonly Moving[]): Promise<void> {
  const places = await packs.append(batch.map(({ record }) => record));
  await packs.sync(); // the only other copy is the value that is written over
  const operations = places.flatMap((place, index): Operation[] => {
    const moving = batch[index];
    if (moving === undefined) return [];
    const { key, what } = moving;
    return [{ type: 'put', key, value: sealLocation(key, { ...place, ...what }) }];
  });
  operations.push({ type: 'put', key: packStateKey, value: sealPackState(packs.state) });
  await database.write([...operations, ...packs.takeNotes()], { sync: true });
}
