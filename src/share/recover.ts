/**
 * Recover: settles what a crash left in the journal, before anything else looks at the folder. For each path: what
 * should be there and is, is entered in the tree; a file that was torn by a power loss is written again; where the old
 * thing went and the new one did not come, it is put in place; anything else is the user's, and the next scan looks at it.
 * Like apply, it enters nothing that a power cut could still take back.
 */
import { isShoalError } from '../error.js';
import type { FileStat, Folder, PlaceRequest } from '../folder/index.js';
import {
  compareVersions,
  decodeEntry,
  type Entry,
  type LiveEntry,
  mtimeNsOf,
  type RelPath,
  sameContent,
  supersede,
} from '../manifest/index.js';
import { fileContent } from './file-content.js';
import { type FoundThing, Ingest, type Ingested, ingestedWithoutReading } from './ingest.js';
import { pathOfKey } from './records.js';
import type { Replica } from './replica.js';
import { isSameTime, restoreIfTorn } from './torn.js';

/** @returns how many paths were settled */
export async function recover(replica: Replica, folder: Folder): Promise<number> {
  let settled = 0;
  for await (const [key, bytes] of replica.store.records('journal')) {
    const path = pathOfKey(key);
    const entry = bytes.length === 0 ? undefined : decodeEntry(bytes);
    try {
      await replica.exclusive(() => settle(replica, folder, path, entry));
      settled++;
    } catch (error) {
      // The own tree is damaged there: the journal keeps the path until it is whole again.
      if (!isShoalError(error, 'CHUNK_MISSING')) throw error;
    }
  }
  return settled;
}

async function settle(
  replica: Replica,
  folder: Folder,
  path: RelPath,
  entry: Entry | undefined,
): Promise<void> {
  const ignore = await folder.loadIgnore();
  const found = await folder.look(path, ignore);
  const current = await replica.tree.get(replica.root, path);
  const leave = (): Promise<void> =>
    replica.commit({ stats: [{ path, record: undefined }], journalDone: [path] });
  const enter = async (stat?: FileStat): Promise<void> => {
    await folder.syncPlaces([path], entry?.kind === 'file' ? [path] : []);
    const change = entry === undefined ? { removed: [path] } : { entries: [entry] };
    const record = stat === undefined ? undefined : { stat, racy: false };
    await replica.commit({ ...change, stats: [{ path, record }], journalDone: [path] });
  };
  if (!isOlder(current, entry)) return leave();
  if (entry === undefined || entry.kind === 'deleted') return found === undefined ? enter() : leave();
  if (found === undefined) {
    // Between a directory and something else, the one is removed before the other is made: no deletion of the user's.
    const isHalfway = isLive(current) && (current.kind === 'directory') !== (entry.kind === 'directory');
    const made = isHalfway
      ? await place(replica, folder, { entry, expected: { kind: 'absent' } })
      : undefined;
    return made === undefined ? leave() : enter(made.stat);
  }
  if (found.kind === 'blocked' || found.kind === 'unreadable' || found.kind !== entry.kind) return leave();
  const ingested = await read(replica, folder, found);
  if (ingested === undefined) return leave();
  const standing = supersede(undefined, path, ingested.content, {
    actor: '0000000000000000',
    counter: 1,
    mtimeNs: ingested.mtimeNs,
  });
  if (sameContent(standing, entry)) {
    if (entry.kind !== 'file' || found.kind !== 'file' || isSameTime(ingested.mtimeNs, mtimeNsOf(entry)))
      return enter();
    // Its times were to be set next.
    const placed = await folder.place({ entry, expected: { kind: 'file', stat: found.stat } });
    return placed.outcome === 'placed' ? enter(placed.stat) : leave();
  }
  if (entry.kind === 'file' && found.kind === 'file') {
    const stat = await restoreIfTorn(replica, folder, entry, found);
    if (stat !== undefined) return enter(stat);
  }
  return leave();
}

/** Puts `request` in place from the store. @returns undefined if something stands there, or the store lacks its content */
async function place(
  replica: Replica,
  folder: Folder,
  request: PlaceRequest,
): Promise<{ readonly stat?: FileStat } | undefined> {
  const { entry } = request;
  const content = entry.kind === 'file' ? { content: () => fileContent(replica, entry) } : {};
  try {
    const placed = await folder.place({ ...request, ...content });
    return placed.outcome === 'placed' ? placed : undefined;
  } catch (error) {
    if (isShoalError(error, 'CHUNK_MISSING')) return undefined;
    throw error;
  }
}

function isLive(entry: Entry | undefined): entry is LiveEntry {
  return entry !== undefined && entry.kind !== 'deleted';
}

function isOlder(current: Entry | undefined, entry: Entry | undefined): boolean {
  if (current === undefined || entry === undefined) return true;
  const order = compareVersions(current.version, entry.version);
  return order === 'before' || order === 'equal';
}

async function read(replica: Replica, folder: Folder, found: FoundThing): Promise<Ingested | undefined> {
  if (found.kind !== 'file') return ingestedWithoutReading(found);
  const ingest = new Ingest(replica, folder);
  try {
    const outcome = await ingest.take(found);
    return outcome.outcome === 'taken' ? outcome.ingested : undefined;
  } finally {
    await ingest.close();
  }
}
