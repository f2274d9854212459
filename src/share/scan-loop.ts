/**
 * Scan loop: turns hints of the watcher into scans. One scan at a time; hints are collected until they pause; too
 * many of them, or "everything", become one full scan. What was still changing is looked at again.
 */
import type { RelPath } from '../manifest/index.js';
import { type ScanOptions, type ScanResult, scan } from './scan.js';

export interface ScanLoopOptions {
  readonly scanOptions: () => ScanOptions;
  /** `places` as given to the scan: undefined means everywhere. */
  readonly onScanned: (
    result: ScanResult,
    seconds: number,
    places: readonly RelPath[] | undefined,
  ) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** Nothing is being scanned, and nothing is due. */
  readonly onIdle: () => void;
  readonly now: () => number;
}

/** A scan waits until hints have paused for so long, */
const quietMs = 150;
/** but never longer than this after the first. */
const patienceMs = 2000;
/** More places than this are one full scan. */
const placesMax = 2000;
/** What changed while it was read is looked at again after this. */
const unsettledMs = 500;
/** A full scan even without any hint: a watcher can miss things. */
const fullScanEveryMs = 60 * 60 * 1000;

export class ScanLoop {
  readonly #options: ScanLoopOptions;
  readonly #places = new Set<RelPath>();
  #everything = false;
  #firstHintAt: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #periodic: NodeJS.Timeout;
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: ScanLoopOptions) {
    this.#options = options;
    this.#periodic = setInterval(() => this.hint('everything'), fullScanEveryMs);
    this.#periodic.unref();
  }

  /** Whether a scan runs or is due: what the folder holds may not be in the tree yet. */
  get isBusy(): boolean {
    return this.#running !== undefined || this.#isDue;
  }

  hint(place: RelPath | 'everything'): void {
    if (this.#closed) return;
    this.#note(place);
    this.#schedule(quietMs);
  }

  /** Scans at once what is due, and `place` too, and resolves when that is done. */
  async scanNow(place: RelPath | 'everything'): Promise<void> {
    this.#note(place);
    while (!this.#closed && (this.#isDue || this.#running !== undefined)) {
      if (this.#running === undefined) this.#start();
      await this.#running;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#periodic);
    await this.#running;
  }

  get #isDue(): boolean {
    return this.#everything || this.#places.size > 0;
  }

  #note(place: RelPath | 'everything'): void {
    this.#firstHintAt ??= this.#options.now();
    if (place === 'everything' || this.#places.size >= placesMax) {
      this.#everything = true;
      this.#places.clear();
    } else if (!this.#everything) this.#places.add(place);
  }

  #schedule(delayMs: number): void {
    if (this.#running !== undefined || this.#closed) return;
    const waited = this.#options.now() - (this.#firstHintAt ?? this.#options.now());
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#start(), Math.max(0, Math.min(delayMs, patienceMs - waited)));
  }

  #start(): void {
    if (this.#running !== undefined || this.#closed || !this.#isDue) return;
    clearTimeout(this.#timer);
    const places = this.#everything ? undefined : [...this.#places];
    this.#everything = false;
    this.#places.clear();
    this.#firstHintAt = undefined;
    this.#running = this.#scan(places)
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => {
        this.#running = undefined;
        if (this.#isDue) this.#schedule(quietMs);
        else this.#options.onIdle();
      });
  }

  async #scan(places: readonly RelPath[] | undefined): Promise<void> {
    const startedAt = this.#options.now();
    const result = await scan(this.#options.scanOptions(), places);
    const seconds = (this.#options.now() - startedAt) / 1000;
    await this.#options.onScanned(result, seconds, places);
    if (result.unsettled.length > 0) {
      const timer = setTimeout(() => {
        for (const path of result.unsettled) this.hint(path);
      }, unsettledMs);
      timer.unref();
    }
  }
}
