/** The paths that cannot be taken in or put in place, and why: for `status`, and one event for each. */
import { escapeForDisplay } from '../folder/index.js';
import type { ShareListener } from './event.js';

export interface BlockedPath {
  readonly path: string;
  readonly reason: string;
}

/** Where everything is blocked. No path of a share is that. */
const wholeFolder = '.';

export class BlockedPaths {
  readonly #listener: ShareListener;
  /** By path as displayed. */
  #atScan = new Map<string, string>();
  #atApply = new Map<string, string>();
  #space: string | undefined;

  constructor(listener: ShareListener) {
    this.#listener = listener;
  }

  get list(): BlockedPath[] {
    const paths = [...this.#atScan, ...this.#atApply].map(([path, reason]) => ({ path, reason }));
    return this.#space === undefined ? paths : [{ path: wholeFolder, reason: this.#space }, ...paths];
  }

  /** @param places - where the scan looked; undefined: everywhere */
  noteScan(blocked: ReadonlyMap<string, string>, places: readonly string[] | undefined): void {
    const shown = places?.map(escapeForDisplay);
    const kept = [...this.#atScan].filter(
      ([path]) =>
        shown !== undefined && !shown.some((place) => path === place || path.startsWith(`${place}/`)),
    );
    this.#atScan = this.#replaced(this.#atScan, kept, blocked);
  }

  noteApply(blocked: ReadonlyMap<string, string>): void {
    this.#atApply = this.#replaced(this.#atApply, [], blocked);
  }

  /** @param reason - why nothing is received for want of space; undefined: something is again */
  noteSpace(reason: string | undefined): void {
    if (reason !== undefined && this.#space === undefined)
      this.#listener({ event: 'blocked', path: wholeFolder, reason });
    this.#space = reason;
  }

  #replaced(
    former: ReadonlyMap<string, string>,
    kept: readonly [string, string][],
    blocked: ReadonlyMap<string, string>,
  ): Map<string, string> {
    const next = new Map(kept);
    for (const [path, reason] of blocked) {
      const shown = escapeForDisplay(path);
      if (former.get(shown) !== reason) this.#listener({ event: 'blocked', path: shown, reason });
      next.set(shown, reason);
    }
    return next;
  }
}
