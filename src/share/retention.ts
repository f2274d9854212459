/**
 * Which roots of the past are kept: a pure function, so that its promises can be tested for any history.
 *
 * The younger, the denser: all roots of the last day, then the last root of each hour for a week, of each day for a
 * month, of each week for a year. The newest root is always kept.
 *
 * Thinning now and again later gives what thinning only later gives: hours, days and weeks are those of UTC and lie
 * whole within each other, each is thinned as a whole or not at all, and what is kept of it is its last root. So a
 * coarser step finds everything it would keep.
 */

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
const weekMs = 7 * dayMs;

/** How far back roots are kept unless somebody says otherwise. */
export const keepMsDefault = 365 * dayMs;
/** A folder that changes more often than this in a day is thinned by the hour behind its newest so many roots. */
export const denseRootsMax = 10_000;

/** A period of `everyMs` that ended longer than `afterMs` ago keeps one root. The coarsest that applies counts. */
const steps: readonly { readonly afterMs: number; readonly everyMs: number }[] = [
  { afterMs: 30 * dayMs, everyMs: weekMs },
  { afterMs: 7 * dayMs, everyMs: dayMs },
  { afterMs: dayMs, everyMs: hourMs },
];

/**
 * @param times - when each root was noted, in unix ms, in increasing order
 * @param keepMs - roots older than this are dropped, but for the newest one
 * @returns for each of `times` whether its root is kept; one from the future (a clock was wrong) is
 */
export function retained(times: readonly number[], now: number, keepMs: number): boolean[] {
  const kept = new Array<boolean>(times.length).fill(false);
  /** The period of the root that came after: of the same period, only that one is kept. */
  let after: string | undefined;
  let denseHour = Number.POSITIVE_INFINITY;
  for (let index = times.length - 1; index >= 0; index--) {
    const time = times[index] ?? 0;
    const hour = Math.floor(time / hourMs);
    const isNewest = index === times.length - 1;
    if (hour < denseHour && times.length - index <= denseRootsMax) denseHour = hour;
    const everyMs = spacingOf(time, now) ?? (hour < denseHour ? hourMs : undefined);
    const period = everyMs === undefined ? undefined : `${everyMs}:${Math.floor(time / everyMs)}`;
    kept[index] = isNewest || (now - time <= keepMs && (period === undefined || period !== after));
    after = period;
  }
  return kept;
}

/** How far apart the roots are kept around `time`; undefined: all of them. */
function spacingOf(time: number, now: number): number | undefined {
  const endOf = (everyMs: number): number => (Math.floor(time / everyMs) + 1) * everyMs;
  return steps.find(({ afterMs, everyMs }) => now - endOf(everyMs) >= afterMs)?.everyMs;
}
