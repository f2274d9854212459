/**
 * Everything in the folder, by `lstat`, in the order of the manifest: a directory comes before what is in it, and
 * that before its next sibling (a, a/x, a-b). One directory's names at each level of depth are in memory.
 *
 * A walk may be of a part of that sequence, between two paths, which need not be there (any more): several that follow
 * one another find together what one of everything would.
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
import { compareAsUtf8, type Listed, listDirectory } from './listing.js';
import { ownDirectoryName } from './presence.js';

/** A part of the folder, by the order of the manifest: from behind `after`, up to and with `upTo`. */
export interface WalkRange {
  readonly after?: RelPath | undefined;
  readonly upTo?: RelPath | undefined;
}

/** What of a directory is walked: the components of the range's ends that are under it. */
interface Bounds {
  readonly after?: readonly string[] | undefined;
  readonly upTo?: readonly string[] | undefined;
}

/** A directory that the walk is in. */
interface Level {
  readonly path: RelPath | undefined;
  readonly items: readonly Listed[];
  readonly bounds: Bounds;
  /** Index into `items` of the first one not looked at. */
  next: number;
}

const unbounded: Bounds = {};

/** @throws ShoalError IO if the root cannot be listed */
export function* walkRoot(around: Surroundings, { after, upTo }: WalkRange = {}): Generator<Found> {
  const listing = listDirectory(around.root, statsOfRoot(around.root));
  if (listing.outcome !== 'listed')
    throw cannotList(around.root, listing.outcome === 'gone' ? 'it is gone' : listing.reason);
  const items = listing.items.filter((item) => 'invalidName' in item || item.name !== ownDirectoryName);
  const bounds = { after: after?.split('/'), upTo: upTo?.split('/') };
  yield* walkLevel(around, levelOf(undefined, items, bounds));
}

/** What was found at one path, and if it is a directory, everything in it. */
export function* walkFrom(around: Surroundings, start: Examined): Generator<Found> {
  const entered = enter(around, start);
  if (entered.found !== undefined) yield entered.found;
  if (entered.items !== undefined)
    yield* walkLevel(around, levelOf(start.found.path, entered.items, unbounded));
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
    const part = level.bounds === unbounded ? whole : partOf(level.bounds, item);
    const { found, items } = part.isEntered ? enter(around, examined) : { found: examined.found };
    // What comes before the range was found by who walked that; but what is under it, and in the range, may be unknown now.
    if (found !== undefined && (!part.isBefore || found.kind === 'unreadable')) yield found;
    if (items !== undefined) levels.push(levelOf(examined.found.path, items, part.bounds));
  }
}

/** A level without the items that are out of `bounds`; a directory that is in them in part is left in. */
function levelOf(path: RelPath | undefined, listed: readonly Listed[], bounds: Bounds): Level {
  const [first, last] = [bounds.after?.[0], bounds.upTo?.[0]];
  const items = last === undefined ? listed : listed.slice(0, indexBehind(listed, last));
  const behind = first === undefined ? 0 : indexBehind(items, first);
  return { path, items, bounds, next: isNamed(items[behind - 1], first) ? behind - 1 : behind };
}

/** What of an item is in bounds. */
interface Part {
  readonly isBefore: boolean;
  readonly isEntered: boolean;
  readonly bounds: Bounds;
}

const whole: Part = { isBefore: false, isEntered: true, bounds: unbounded };

function partOf({ after, upTo }: Bounds, item: Listed): Part {
  const isBefore = isNamed(item, after?.[0]);
  const isLast = isNamed(item, upTo?.[0]);
  if (!isBefore && !isLast) return whole;
  const bounds = {
    after: isBefore ? behindFirst(after) : undefined,
    upTo: isLast ? behindFirst(upTo) : undefined,
  };
  return { isBefore, isEntered: !isLast || bounds.upTo !== undefined, bounds };
}

/** Behind the last of the items with valid names that does not come after `name`. */
function indexBehind(items: readonly Listed[], name: string): number {
  return items.findLastIndex((item) => 'name' in item && compareAsUtf8(item.name, name) <= 0) + 1;
}

function isNamed(item: Listed | undefined, name: string | undefined): boolean {
  return item !== undefined && 'name' in item && item.name === name;
}

function behindFirst(components: readonly string[] = []): readonly string[] | undefined {
  return components.length > 1 ? components.slice(1) : undefined;
}

/** Lists a directory before it is given out, since one that cannot be listed is something else: unreadable. */
function enter(
  around: Surroundings,
  examined: Examined,
): { readonly found?: Found; readonly items?: readonly Listed[] } {
  const { found, stats } = examined;
  if (found.kind !== 'directory' || stats === undefined) return { found };
  const listing = listDirectory(`${around.root}/${found.path}`, stats);
  switch (listing.outcome) {
    case 'gone':
      return {};
    case 'unreadable':
      return { found: { kind: 'unreadable', path: found.path, reason: listing.reason } };
    case 'listed':
      return { found, items: listing.items };
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
