/**
 * Bit rot against edit. A scan that reads a file and finds other bytes than the entry's has to tell whether somebody
 * wrote them. An edit gives a file another mtime or size, or another file in its place. Bytes that differ without such
 * a sign are rot, or are in doubt: they are neither taken in, so that they never reach a peer, nor written over, so that
 * they are not lost should they be somebody's work.
 *
 * What is in doubt is remembered with its stat (a `blocked` record), so that it is not read again at every scan.
 */
import { isShoalError } from '../error.js';
import { type FileStat, type Folder, type Found, IgnoreRules, statEquals } from '../folder/index.js';
import {
  type Entry,
  type FileEntry,
  mtimeNsOf,
  type NewContent,
  type RelPath,
  sameContent,
} from '../manifest/index.js';
import { decodeStatRecord, pathKey, type StatRecord } from './records.js';
import type { Replica } from './replica.js';
import { isSameTime } from './torn.js';

/** For people; a complete clause. */
export const doubtReason =
  'its bytes are not the recorded ones, though its size and time are: run `shoal verify --repair` to restore the recorded content (what was found is kept in .shoal/quarantine), or `touch` the file to make what it holds an edit';

/** What bytes are that differ from the entry's. */
export type Difference =
  /** Somebody wrote them. */
  | 'edit'
  /** Nobody did: the stat cache vouches for the file. */
  | 'rot'
  /** Nothing tells. */
  | 'doubt';

/**
 * @param found - the stat of the file whose bytes differ from those of `entry`
 * @param record - what the stat cache has for the path
 */
export function judgeDifference(
  entry: FileEntry,
  found: FileStat,
  record: StatRecord | undefined,
): Difference {
  // Written within the same instant as it was looked at: then the stat tells nothing, and the record says so.
  if (record?.racy === true) return 'edit';
  if (record !== undefined && statEquals(record.stat, found)) return 'rot';
  if (!isUntouched(entry, found)) return 'edit';
  // Another file was put there. A change of the ctime alone is that of a chmod or of a new link, and explains no bytes.
  if (record !== undefined && record.stat.inode !== found.inode) return 'edit';
  return 'doubt';
}

/** The record of the stat cache; a damaged one vouches for nothing, as if it were not there. */
export async function statRecordOf({ store }: Replica, path: RelPath): Promise<StatRecord | undefined> {
  return decodedOrNothing(() => store.getRecord('stat', pathKey(path)));
}

/**
 * Whether a scan must leave what it read at the path alone. Call under `exclusive`.
 * @param entry - the own entry
 * @param stat - of the file that was read
 * @param content - what was read of it
 */
export async function mustLeave(
  replica: Replica,
  entry: Entry | undefined,
  stat: FileStat,
  content: NewContent,
): Promise<boolean> {
  if (entry?.kind !== 'file' || content.kind !== 'file') return false;
  // The executable bit is not content that rots.
  if (sameContent({ ...content, executable: entry.executable }, entry)) return false;
  return judgeDifference(entry, stat, await statRecordOf(replica, entry.path)) !== 'edit';
}

/** Whether `found` is in doubt since an earlier scan, and is still what it was. */
export async function isKnownDoubt(
  { store }: Replica,
  entry: Entry | undefined,
  found: Found | undefined,
): Promise<boolean> {
  if (entry?.kind !== 'file' || found?.kind !== 'file' || !isUntouched(entry, found.stat)) return false;
  const doubt = await decodedOrNothing(() => store.getRecord('blocked', pathKey(entry.path)));
  return doubt !== undefined && statEquals(doubt.stat, found.stat);
}

/** The same for whoever is about to put something in its place. */
export async function standsInDoubt(
  replica: Replica,
  folder: Folder,
  entry: Entry | undefined,
): Promise<boolean> {
  if (entry?.kind !== 'file') return false;
  return isKnownDoubt(replica, entry, await folder.look(entry.path, everything));
}

const everything = new IgnoreRules('');

/** Whether the file has the size and the mtime of its entry. */
function isUntouched(entry: FileEntry, { size, mtimeNs }: FileStat): boolean {
  return size === entry.size && isSameTime(mtimeNsOf(entry), mtimeNs);
}

async function decodedOrNothing(
  read: () => Promise<Uint8Array | undefined>,
): Promise<StatRecord | undefined> {
  try {
    const bytes = await read();
    return bytes === undefined ? undefined : decodeStatRecord(bytes);
  } catch (error) {
    if (isShoalError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}
