/**
 * Version vectors: for each actor, how many of its writes to one path are known. A dot names one write. A vector
 * that includes a dot says "this write is known here"; together with the writes that are still live, it tells a
 * write that was superseded from one that never arrived.
 */

/** Names one write: the `counter`-th of `actor`. */
export interface Dot {
  /** 16 lowercase hex characters. */
  readonly actor: string;
  /** From 1 to 2^53 - 1. */
  readonly counter: number;
}

export type Version = ReadonlyMap<string, number>;

export type VersionOrder = 'equal' | 'before' | 'after' | 'concurrent';

/** How `a` stands to `b`: 'before' if `b` includes everything of `a` and more. */
export function compareVersions(a: Version, b: Version): VersionOrder {
  const aInB = isWithin(a, b);
  const bInA = isWithin(b, a);
  if (aInB) return bInA ? 'equal' : 'before';
  return bInA ? 'after' : 'concurrent';
}

/** The least version that includes both. */
export function joinVersions(a: Version, b: Version): Version {
  const joined = new Map(a);
  for (const [actor, counter] of b) joined.set(actor, Math.max(counter, joined.get(actor) ?? 0));
  return joined;
}

export function versionIncludes(version: Version, dot: Dot): boolean {
  return (version.get(dot.actor) ?? 0) >= dot.counter;
}

export function withDot(version: Version, dot: Dot): Version {
  return versionIncludes(version, dot) ? version : new Map(version).set(dot.actor, dot.counter);
}

/** By counter, then actor: the order in which a later write of one actor is the greater one. */
export function compareDots(a: Dot, b: Dot): number {
  if (a.counter !== b.counter) return a.counter - b.counter;
  return a.actor < b.actor ? -1 : a.actor > b.actor ? 1 : 0;
}

function isWithin(a: Version, b: Version): boolean {
  for (const [actor, counter] of a) if (!versionIncludes(b, { actor, counter })) return false;
  return true;
}
