/**
 * Register: everything known of the writes made at one path, the *origin*, wherever a merge has put them since. It is
 * an observed-remove set of writes: `version` says which writes are known, `live` which of them nobody has
 * superseded. What is known and not live is gone for good; what is not known may still come.
 *
 * Merging is commutative, associative and idempotent, and drops a write only if somebody who saw it wrote over it or
 * deleted it. Where the live writes stand in the folder follows from the merged register alone (`placeWrites`).
 */
import { chunkIdOf } from '../chunking/index.js';
import { encodeContent } from './content-codec.js';
import type { Entry, LiveEntry, NewContent, Write } from './entry.js';
import { compareDots, joinVersions, type Version, versionIncludes } from './version.js';

export interface LiveWrite {
  /** Without the mark of displacement: that says where it stands, not what it is. */
  readonly write: Write;
  readonly content: NewContent;
  /** Equal for equal contents. */
  readonly contentKey: string;
}

export interface Register {
  /** Dots of all writes and deletions known to have been made at the origin. */
  readonly version: Version;
  /** Actors whose latest dot was known to a later operation at the origin. */
  readonly overtaken: ReadonlySet<string>;
  /** By dot and content. */
  readonly live: ReadonlyMap<string, LiveWrite>;
}

export interface Placement {
  /** The writes that stand at the origin, all of one content; empty if nothing does. */
  readonly home: readonly LiveWrite[];
  /** The writes that lost, by content: each goes to its conflict path. */
  readonly away: readonly (readonly LiveWrite[])[];
}

/**
 * What one tree knows of an origin.
 * @param entry - what stands at the origin
 * @param copies - what stands at its conflict paths; only writes displaced from this origin count
 */
export function registerOf(entry: Entry | undefined, copies: readonly LiveEntry[]): Register {
  const live = new Map<string, LiveWrite>();
  const own = entry === undefined || entry.kind === 'deleted' ? [] : liveWrites(entry, 'own');
  for (const write of [...own, ...copies.flatMap((copy) => liveWrites(copy, 'displaced'))])
    live.set(keyOf(write), write);
  return { version: entry?.version ?? new Map(), overtaken: new Set(entry?.overtaken), live };
}

/** The writes of an entry that were made at its path, or those that were moved there. */
export function liveWrites(entry: LiveEntry, which: 'own' | 'displaced'): LiveWrite[] {
  const wanted = entry.writes.filter(({ displaced }) => (displaced === true) === (which === 'displaced'));
  if (wanted.length === 0) return [];
  const content = contentOf(entry);
  const contentKey = chunkIdOf(encodeContent(content));
  return wanted.map(({ actor, counter, mtimeNs }) => ({
    write: { actor, counter, mtimeNs },
    content,
    contentKey,
  }));
}

export function mergeRegisters(a: Register, b: Register): Register {
  const version = joinVersions(a.version, b.version);
  const overtaken = new Set<string>();
  for (const [actor, counter] of version) {
    if (isOvertaken(a, actor, counter) || isOvertaken(b, actor, counter)) overtaken.add(actor);
  }
  const live = new Map<string, LiveWrite>();
  for (const [key, write] of a.live)
    if (b.live.has(key) || !versionIncludes(b.version, write.write)) live.set(key, write);
  for (const [key, write] of b.live)
    if (!live.has(key) && !versionIncludes(a.version, write.write)) live.set(key, write);
  return { version, overtaken, live };
}

/**
 * Where the live writes stand. Only heads compete for the origin: a write that lost once and was there to be seen
 * when somebody wrote or deleted at the origin stays where it is.
 *
 * A directory that must give way (its path is held, see below) has nothing to lose and is let go: if something
 * live is under it, structure.ts brings it back.
 *
 * @param heldBy - the content key of displaced writes that stand at the origin, as it is itself a conflict path:
 * they have no other place, so whatever differs from them gives way
 */
export function placeWrites(register: Register, heldBy?: string): Placement {
  const heads = [...register.live.values()].filter(({ write }) => isHead(register, write));
  const winner = heldBy ?? greatestContent(heads);
  const home = heads.filter(({ contentKey }) => contentKey === winner);
  const away = new Map<string, LiveWrite[]>();
  const isHome = new Set(home);
  for (const write of register.live.values()) {
    if (isHome.has(write) || write.content.kind === 'directory') continue;
    const group = away.get(write.contentKey);
    if (group === undefined) away.set(write.contentKey, [write]);
    else group.push(write);
  }
  return { home, away: [...away.values()] };
}

/**
 * The content that wins: a directory before anything else, then the latest modification time, then the greatest
 * dot. Times may be wrong, so nothing is lost by losing; the order only has to be the same everywhere.
 */
export function greatestContent(writes: readonly LiveWrite[]): string | undefined {
  let greatest: LiveWrite | undefined;
  for (const write of writes)
    if (greatest === undefined || compareClaims(write, greatest) > 0) greatest = write;
  return greatest?.contentKey;
}

/** Whether some operation at an entry's path competes with another: only then can what lost come back. */
export function countHeads(entry: Entry): number {
  return entry.version.size - (entry.overtaken?.length ?? 0);
}

function compareClaims(a: LiveWrite, b: LiveWrite): number {
  const byKind = Number(a.content.kind === 'directory') - Number(b.content.kind === 'directory');
  if (byKind !== 0) return byKind;
  if (a.write.mtimeNs !== b.write.mtimeNs) return a.write.mtimeNs < b.write.mtimeNs ? -1 : 1;
  return (
    compareDots(a.write, b.write) || (a.contentKey < b.contentKey ? -1 : Number(a.contentKey > b.contentKey))
  );
}

function isHead({ version, overtaken }: Register, { actor, counter }: Write): boolean {
  return version.get(actor) === counter && !overtaken.has(actor);
}

/** Whether an operation in this register's history came after it knew the dot. */
function isOvertaken({ version, overtaken }: Register, actor: string, counter: number): boolean {
  const known = version.get(actor) ?? 0;
  return known > counter || (known === counter && overtaken.has(actor));
}

function keyOf({ write, contentKey }: LiveWrite): string {
  return `${write.actor}:${write.counter}:${contentKey}`;
}

function contentOf(entry: LiveEntry): NewContent {
  switch (entry.kind) {
    case 'file':
      return { kind: 'file', executable: entry.executable, size: entry.size, recipe: entry.recipe };
    case 'symlink':
      return { kind: 'symlink', target: entry.target };
    case 'directory':
      return { kind: 'directory' };
  }
}
