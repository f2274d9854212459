/**
 * Everything in the folder, by `lstat`, in the order of the manifest: a directory comes before what is in it, and
 * that before its next sibling (a, a/x, a-b). One directory's names at each level of depth are in memory.
 *
 * Synchronous: a look takes 4 us, and a hop to the thread pool and back about as long. Who must not be held up walks in
 * a thread of its own, see walk-stream.ts.
 */
import { type BigIntStats, lstatSync } from 'node:fs';
import { ShoalError } from '../error.js';
import type { RelPath } from '../manifest/index.js';
import { type Examined, examine, type Surroundings } from './examine.js';
import { asIoError } from './faults.js';
import type { Found } from './found.js';
import { type Listed, listDirectory } from './listing.js';
import { ownDirectoryName } from './presence.js';

/** A directory that the walk is in. */
interface Level {
  readonly path: RelPath | undefined;
  readonly items: readonly Listed[];
  /** Index into `items` of the first one not looked at. */
  next: number;
}

/** @throws ShoalError IO if the root cannot be listed */
export function* walkRoot(around: Surroundings): Generator<Found> {
  const listing = listDirectory(around.root, statsOfRoot(around.root));
  if (listing.outcome !== 'listed')
    throw cannotList(around.root, listing.outcome === 'gone' ? 'it is gone' : listing.reason);
  const items = listing.items.filter((item) => 'invalidName' in item || item.name !== ownDirectoryName);
  yield* walkLevel(around, { path: undefined, items, next: 0 });
}

/** What was found at one path, and if it is a directory, everything in it. */
export function* walkFrom(around: Surroundings, start: Examined): Generator<Found> {
  const entered = enter(around, start);
  if (entered.found !== undefined) yield entered.found;
  if (entered.level !== undefined) yield* walkLevel(around, entered.level);
}

function* walkLevel(around: Surroundings, first: Level): Generator<Found> {
  const levels = [first];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const item = level.items[level.next++];
    if (item === undefined) {
      levels.pop();
      continue;
    }
    const examined = examine(around, level.path, item);
    if (examined === undefined) continue;
    const entered = enter(around, examined);
    if (entered.found !== undefined) yield entered.found;
    if (entered.level !== undefined) levels.push(entered.level);
  }
}

/** Lists a directory before it is given out, since one that cannot be listed is something else: unreadable. */
function enter(around: Surroundings, examined: Examined): { found?: Found; level?: Level } {
  const { found, stats } = examined;
  if (found.kind !== 'directory' || stats === undefined) return { found };
  const listing = listDirectory(`${around.root}/${found.path}`, stats);
  switch (listing.outcome) {
    case 'gone':
      return {};
    case 'unreadable':
      return { found: { kind: 'unreadable', path: found.path, reason: listing.reason } };
    case 'listed':
      return { found, level: { path: found.path, items: listing.items, next: 0 } };
  }
}

function statsOfRoot(root: string): BigIntStats {
  try {
    return lstatSync(root, { bigint: true });
  } catch (error) {
    throw asIoError(error, 'list the folder', root);
  }
}

function cannotList(root: string, why: string): ShoalError {
  return new ShoalError('IO', `Cannot list the folder ${root}: ${why}.`, { data: { path: root } });
}
