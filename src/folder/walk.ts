/**
 * Everything in the folder, by `lstat`, in the order of the manifest: a directory comes before what is in it, and
 * that before its next sibling (a, a/x, a-b). One directory's names at each level of depth are in memory, and at
 * most `looksAtOnce` looks are under way.
 */
import { ShoalError } from '../error.js';
import type { RelPath } from '../manifest/index.js';
import { type Examined, examine, type Surroundings } from './examine.js';
import type { Found } from './found.js';
import { type Listed, listDirectory, lookAt } from './listing.js';
import { ownDirectoryName } from './presence.js';

/** Enough to keep the threads that do them busy. */
const looksAtOnce = 64;

/** A directory that the walk is in. */
interface Level {
  readonly path: RelPath | undefined;
  readonly items: readonly Listed[];
  /** Index into `items` of the first one not looked at. */
  next: number;
  /** Looked at and not given out, in reverse order. */
  waiting: (Examined | undefined)[];
}

/**
 * @throws ShoalError IO if the root cannot be listed, CANCELLED
 */
export async function* walkRoot(around: Surroundings, signal?: AbortSignal): AsyncGenerator<Found> {
  const listing = await listDirectory(around.root, await lookAt(around.root));
  if (listing.outcome !== 'listed') {
    const why = listing.outcome === 'gone' ? 'it is gone' : listing.reason;
    throw new ShoalError('IO', `Cannot list the folder ${around.root}: ${why}.`, {
      data: { path: around.root },
    });
  }
  const items = listing.items.filter((item) => 'invalidName' in item || item.name !== ownDirectoryName);
  yield* walkLevel(around, { path: undefined, items, next: 0, waiting: [] }, signal);
}

/** What was found at one path, and if it is a directory, everything in it. */
export async function* walkFrom(
  around: Surroundings,
  start: Examined,
  signal?: AbortSignal,
): AsyncGenerator<Found> {
  const entered = await enter(around, start);
  if (entered.found !== undefined) yield entered.found;
  if (entered.level !== undefined) yield* walkLevel(around, entered.level, signal);
}

async function* walkLevel(around: Surroundings, first: Level, signal?: AbortSignal): AsyncGenerator<Found> {
  const levels = [first];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (signal?.aborted)
      throw new ShoalError('CANCELLED', 'The scan was cancelled.', { cause: signal.reason });
    if (level.waiting.length === 0) {
      if (level.next === level.items.length) levels.pop();
      else await lookAhead(around, level);
      continue;
    }
    const examined = level.waiting.pop();
    if (examined === undefined) continue;
    const entered = await enter(around, examined);
    if (entered.found !== undefined) yield entered.found;
    if (entered.level !== undefined) levels.push(entered.level);
  }
}

async function lookAhead(around: Surroundings, level: Level): Promise<void> {
  const slice = level.items.slice(level.next, level.next + looksAtOnce);
  level.next += slice.length;
  const looks = slice.map((item) => examine(around, level.path, item));
  level.waiting = (await Promise.all(looks)).reverse();
}

/** Lists a directory before it is given out, since one that cannot be listed is something else: unreadable. */
async function enter(around: Surroundings, examined: Examined): Promise<{ found?: Found; level?: Level }> {
  const { found, stats } = examined;
  if (found.kind !== 'directory' || stats === undefined) return { found };
  const listing = await listDirectory(`${around.root}/${found.path}`, stats);
  switch (listing.outcome) {
    case 'gone':
      return {};
    case 'unreadable':
      return { found: { kind: 'unreadable', path: found.path, reason: listing.reason } };
    case 'listed':
      return { found, level: { path: found.path, items: listing.items, next: 0, waiting: [] } };
  }
}
