/** The paths that cannot be taken in or put in place, and why: for `status`, and one event for each. */
import { escapeForDisplay } from '../folder/index.js';
import type { ShareListener } from './event.js';

export interface BlockedPath {
  readonly path: string;
  readonly reason: string;
}

export class BlockedPaths {
  readonly #listener: ShareListener;
  /** By path as displayed. */
  #atScan = new Map<string, string>();
  #atApply = new Map<string, string>();

  constructor(listener: ShareListener) {
    this.#listener = listener;
  }

  get list(): BlockedPath[] {
    return [...this.#atScan, ...this.#atApply].map(([path, reason]) => ({ path, reason }));
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
