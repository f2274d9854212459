/**
 * Torn files: what a power loss can leave of a file that was put in place without its data having reached the disk.
 * It has the mtime that it was given, and of its bytes some are missing at the end or zero. Such a file is no edit: it
 * is written again from the store. Anything else with that mtime is the user's, and is left alone.
 */
import { isShoalError } from '../error.js';
import type { FileStat, Folder, Found } from '../folder/index.js';
import { type FileEntry, mtimeNsOf } from '../manifest/index.js';
import { fileContent } from './file-content.js';
import type { Replica } from './replica.js';

/** Times are set as doubles: a difference below this is rounding, not a change. */
const mtimeToleranceNs = 2000n;
const readBytes = 1024 * 1024;

export function isSameTime(a: bigint, b: bigint): boolean {
  const difference = a - b;
  return difference < mtimeToleranceNs && difference > -mtimeToleranceNs;
}

/**
 * Writes `entry`'s content again if what stands there is a torn copy of it. Call under `exclusive`.
 * In a rehearsal nothing is written.
 * @returns the stat of the restored file; undefined if the file is not torn, or its content is not in the store
 */
export async function restoreIfTorn(
  replica: Replica,
  folder: Folder,
  entry: FileEntry,
  found: Extract<Found, { kind: 'file' }>,
): Promise<FileStat | undefined> {
  if (!isSameTime(mtimeNsOf(entry), found.stat.mtimeNs) || found.stat.size > entry.size) return undefined;
  try {
    if (!(await isTorn(replica, folder, entry))) return undefined;
    if (replica.isRehearsal) return found.stat;
    const placed = await folder.place({
      entry,
      expected: { kind: 'file', stat: found.stat },
      content: () => fileContent(replica, entry),
    });
    return placed.outcome === 'placed' ? placed.stat : undefined;
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return undefined;
    throw error;
  }
}

/** Whether the file is the entry's content with bytes missing at the end or zeroed, and not the content itself. */
async function isTorn(replica: Replica, folder: Folder, entry: FileEntry): Promise<boolean> {
  const file = await folder.read(entry.path);
  const block = new Uint8Array(readBytes);
  let filled = 0;
  let used = 0;
  let differs = false;
  try {
    for await (const expected of fileContent(replica, entry)) {
      for (let index = 0; index < expected.length; index++) {
        if (used === filled) {
          filled = await file.readInto(block);
          used = 0;
          if (filled === 0) return true;
        }
        const byte = block[used++];
        if (byte === expected[index]) continue;
        if (byte !== 0) return false;
        differs = true;
      }
    }
    return differs;
  } finally {
    await file.close();
  }
}
