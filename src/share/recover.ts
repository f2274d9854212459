/**
 * Recover: settles what a crash left in the journal, before anything else looks at the folder. For each path: what
 * should be there and is, is entered in the tree; a file that was torn by a power loss is written again; anything
 * else is the user's, and the next scan looks at it.
 */
import type { Folder } from '../folder/index.js';
import {
  compareVersions,
  decodeEntry,
  type Entry,
  type RelPath,
  sameContent,
  supersede,
} from '../manifest/index.js';
import { type FoundThing, Ingest, type Ingested, ingestedWithoutReading } from './ingest.js';
import { pathOfKey } from './records.js';
import type { Replica } from './replica.js';
import { restoreIfTorn } from './torn.js';

/** @returns how many paths were settled */
export async function recover(replica: Replica, folder: Folder): Promise<number> {
  let settled = 0;
  for await (const [key, bytes] of replica.store.records('journal')) {
    const path = pathOfKey(key);
    await replica.exclusive(() =>
      settle(replica, folder, path, bytes.length === 0 ? undefined : decodeEntry(bytes)),
    );
    settled++;
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
    replica.commit({ stats: new Map([[path, undefined]]), journalDone: [path] });
  if (entry === undefined || entry.kind === 'deleted') {
    if (found !== undefined || !isOlder(current, entry)) return leave();
    const change = entry === undefined ? { removed: [path] } : { entries: [entry] };
    return replica.commit({ ...change, stats: new Map([[path, undefined]]), journalDone: [path] });
  }
  if (found === undefined || found.kind === 'blocked' || found.kind === 'unreadable') return leave();
  if (found.kind !== entry.kind || !isOlder(current, entry)) return leave();
  const ingested = await read(replica, folder, found);
  if (ingested === undefined) return leave();
  const standing = supersede(undefined, path, ingested.content, {
    actor: '0000000000000000',
    counter: 1,
    mtimeNs: ingested.mtimeNs,
  });
  if (sameContent(standing, entry)) {
    return replica.commit({ entries: [entry], stats: new Map([[path, undefined]]), journalDone: [path] });
  }
  if (entry.kind === 'file' && found.kind === 'file') {
    const stat = await restoreIfTorn(replica, folder, entry, found);
    if (stat !== undefined) {
      const stats = new Map([[path, { stat, racy: false }]]);
      return replica.commit({ entries: [entry], stats, journalDone: [path] });
    }
  }
  return leave();
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
