/**
 * Verifies one file or symlink: reads it and compares it with its entry. It changes nothing.
 */
import { chunkIdOf, splitStream } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import { type FileStat, type IgnoreRules, statEquals } from '../folder/index.js';
import { type FileEntry, recipeParts, type SymlinkEntry } from '../manifest/index.js';
import type { OpenShare } from './open-share.js';
import { judgeDifference, statRecordOf } from './rot.js';

export type FileVerdict =
  | 'good'
  /** Somebody changed it since the last scan: the next one takes it in. */
  | 'changed'
  /** Its bytes are not the entry's, and nothing says that somebody wrote them; or they cannot be read. */
  | 'damaged'
  /** Nothing stands there. */
  | 'missing'
  /** The recipe is not whole, so nothing can be said: the missing chunk is found with the others. */
  | 'unknown';

export async function verifyEntry(
  share: OpenShare,
  entry: FileEntry | SymlinkEntry,
  ignore: IgnoreRules,
  signal?: AbortSignal,
): Promise<FileVerdict> {
  const { folder, replica } = share;
  const found = await folder.look(entry.path, ignore);
  if (found === undefined) return ignore.ignores(entry.path, 'other') ? 'changed' : 'missing';
  if (found.kind === 'symlink' && entry.kind === 'symlink') {
    if (found.target === entry.target) return 'good';
    const record = await statRecordOf(replica, entry.path);
    return record !== undefined && statEquals(record.stat, found.stat) ? 'damaged' : 'changed';
  }
  if (found.kind !== 'file' || entry.kind !== 'file') return 'changed';
  const record = await statRecordOf(replica, entry.path);
  // Most edits are told by the stat alone, and are not read.
  if (judgeDifference(entry, found.stat, record) === 'edit' && record?.racy !== true) return 'changed';
  const read = await readAgain(share, entry, signal);
  if (read === 'good' || read === 'unknown') return read;
  const again = await folder.look(entry.path, ignore);
  const stood = again?.kind === 'file' && statEquals(again.stat, found.stat);
  if (!stood || !sameSize(read, found.stat)) return 'changed';
  return judgeDifference(entry, found.stat, record) === 'edit' ? 'changed' : 'damaged';
}

/** The bytes are not the entry's; what was opened, if it could be. */
interface Other {
  readonly stat: FileStat | undefined;
}

function sameSize({ stat }: Other, found: FileStat): boolean {
  return stat === undefined || statEquals(stat, found);
}

/** Cuts the file again and compares chunk by chunk with the recipe. */
async function readAgain(
  { folder, replica }: OpenShare,
  entry: FileEntry,
  signal?: AbortSignal,
): Promise<'good' | 'unknown' | Other> {
  let stat: FileStat | undefined;
  try {
    const file = await folder.read(entry.path);
    stat = file.stat;
    const parts = recipeParts(replica.nodes, entry.recipe);
    try {
      for await (const chunk of splitStream((into) => file.readInto(into), replica.cutting, signal)) {
        const part = await parts.next();
        if (part.done === true || part.value.length !== chunk.length || part.value.id !== chunkIdOf(chunk))
          return { stat };
      }
      return (await parts.next()).done === true ? 'good' : { stat };
    } finally {
      await parts.return(undefined);
      await file.close();
    }
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return 'unknown';
    if (isShoalError(error, 'IO')) return { stat };
    throw error;
  }
}
