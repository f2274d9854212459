/**
 * Restores one file or symlink that is damaged or missing to what its entry says.
 *
 * Order of writes: the content is written whole in `.shoal/tmp` -> the stat cache forgets the path, durably -> what
 * stands there is kept in quarantine, on the disk -> the content takes its place, by rename -> it is synced -> the stat
 * cache vouches for it. A crash anywhere between leaves a path without a stat record: whatever stands there is read by
 * the next scan, and if it is not the entry's content it is torn and restored, or in doubt, and not an edit (rot.ts). A
 * record of the damaged file would make an edit of the one that took its place, should that rot in turn.
 * The last look at the path and the rename are one step of `folder.place`: what a user wrote meanwhile stays.
 */
import { isShoalError } from '../error.js';
import type { Expected, FileStat, Found, Staged } from '../folder/index.js';
import { type FileEntry, type RelPath, type SymlinkEntry, sameEntry } from '../manifest/index.js';
import type { ChunkSource } from './chunk-source.js';
import { fileContent } from './file-content.js';
import type { OpenShare } from './open-share.js';
import { chunkMissing } from './replica.js';
import { judgeDifference, statRecordOf } from './rot.js';

export type FileRepair =
  | { readonly outcome: 'repaired' }
  /** It was changed since it was found damaged: it is the user's, or another write has come. */
  | { readonly outcome: 'overtaken' }
  | { readonly outcome: 'left'; readonly reason: string };

/** The quarantine takes nothing more beyond this, but for a first file: somebody has to look at it then. */
const quarantineBytesMax = 16 * 1024 ** 3;

export interface FileRepairOptions {
  readonly source: ChunkSource;
  /** Names this run's directory in the quarantine. */
  readonly run: string;
  readonly signal?: AbortSignal | undefined;
}

export async function repairFile(
  share: OpenShare,
  path: RelPath,
  options: FileRepairOptions,
): Promise<FileRepair> {
  const { replica } = share;
  const entry = await replica.tree.get(replica.root, path);
  if (entry?.kind !== 'file' && entry?.kind !== 'symlink') return { outcome: 'overtaken' };
  try {
    const staged = entry.kind === 'file' ? await stage(share, entry, options) : undefined;
    if (staged !== undefined && 'outcome' in staged) return { outcome: 'left', reason: staged.reason };
    try {
      return await replica.exclusive(() => replace(share, entry, staged, options));
    } finally {
      await staged?.discard();
    }
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING'))
      return {
        outcome: 'left',
        reason: `chunk ${shortOf(error.data.id)} of it is neither here nor with a peer`,
      };
    if (isShoalError(error, 'IO')) return { outcome: 'left', reason: error.message };
    throw error;
  }
}

async function stage(
  { replica, folder }: OpenShare,
  entry: FileEntry,
  { source, signal }: FileRepairOptions,
) {
  const content = fileContent(replica, entry, async (id) => {
    const [missing] = await source.obtain([id], signal);
    if (missing !== undefined) throw chunkMissing(missing);
  });
  return folder.stage(entry, content, signal);
}

async function replace(
  share: OpenShare,
  entry: FileEntry | SymlinkEntry,
  staged: Staged | undefined,
  options: FileRepairOptions,
): Promise<FileRepair> {
  const { replica, folder } = share;
  const { path } = entry;
  await folder.assertPresent();
  if (!sameEntry(await replica.tree.get(replica.root, path), entry)) return { outcome: 'overtaken' };
  const found = await folder.look(path, await folder.loadIgnore());
  const objection = await objectionTo(share, entry, found);
  if (objection !== undefined) return objection;
  await replica.commit({ stats: [{ path, record: undefined }] });
  const expected = setAside(share, entry, found, options);
  if ('outcome' in expected) return expected;
  const content = staged === undefined ? {} : { content: staged };
  const placed = await folder.place({ entry, expected, ...content }, options.signal);
  if (placed.outcome === 'blocked') return { outcome: 'left', reason: placed.reason };
  if (placed.outcome === 'differs' || placed.stat === undefined) return { outcome: 'overtaken' };
  if (entry.kind === 'file') await sync(share, path);
  const stats = [{ path, record: { stat: placed.stat, racy: false } }];
  await replica.commit({ stats, doubts: new Map([[path, undefined]]) });
  return { outcome: 'repaired' };
}

/** Why what stands there is to be left alone, if it is. */
async function objectionTo(
  { replica, folder }: OpenShare,
  entry: FileEntry | SymlinkEntry,
  found: Found | undefined,
): Promise<FileRepair | undefined> {
  if (found === undefined) return undefined;
  if (found.kind !== entry.kind || (found.kind !== 'file' && found.kind !== 'symlink'))
    return { outcome: 'overtaken' };
  const record = await statRecordOf(replica, entry.path);
  if (entry.kind === 'file' && judgeDifference(entry, found.stat, record) === 'edit')
    return { outcome: 'overtaken' };
  const held = await folder.quarantineTotals();
  if (held.files === 0 || held.bytes + found.stat.size <= quarantineBytesMax) return undefined;
  const reason = `the quarantine holds ${held.bytes} bytes and takes no more: look through .shoal/quarantine and remove what you do not need`;
  return { outcome: 'left', reason };
}

/** Keeps what stands there. @returns what stands there then: a link changes the ctime */
function setAside(
  { folder }: OpenShare,
  { path }: FileEntry | SymlinkEntry,
  found: Found | undefined,
  { run }: FileRepairOptions,
): Expected | FileRepair {
  if (found?.kind !== 'file' && found?.kind !== 'symlink') return { kind: 'absent' };
  const kept: FileStat | undefined = folder.keepInQuarantine(path, found.stat, run);
  return kept === undefined ? { outcome: 'overtaken' } : { kind: found.kind, stat: kept };
}

async function sync({ folder }: OpenShare, path: RelPath): Promise<void> {
  const file = await folder.read(path);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function shortOf(id: unknown): string {
  return String(id).slice(0, 12);
}
