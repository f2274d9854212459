/** The words of the progress line: how much is done, how fast, how long it will take. */
import { countOf, formatBytes, formatRate, formatSeconds } from './format.js';
import type { Output } from './output.js';

export interface ProgressCounts {
  readonly files: number;
  readonly bytes: number;
  readonly chunks?: number;
}

/** The line is rewritten at most so often. */
const redrawMs = 100;
/** Before that a rate means nothing. */
const rateAfterMs = 500;

/** Shows what is done of a work whose end is not known: a scan, a verification. */
export class DoneProgress {
  readonly #output: Output;
  readonly #verb: string;
  readonly #now: () => number;
  readonly #startedAt: number;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(output: Output, options: { verb: string; now: () => number }) {
    this.#output = output;
    this.#verb = options.verb;
    this.#now = options.now;
    this.#startedAt = options.now();
  }

  update(done: ProgressCounts): void {
    const now = this.#now();
    if (now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    const passedMs = now - this.#startedAt;
    const parts = [countOf(done.files, 'file'), formatBytes(done.bytes)];
    if ((done.chunks ?? 0) > 0) parts.push(countOf(done.chunks ?? 0, 'chunk'));
    if (passedMs >= rateAfterMs) parts.push(formatRate(done.bytes / (passedMs / 1000)));
    this.#output.progress(`${this.#verb} ${parts.join(', ')}`);
  }
}

/** Shows what is left of a work whose rest is known: what is still to come from the peers. */
export class RestProgress {
  readonly #output: Output;
  readonly #now: () => number;
  #startedAt: number | undefined;
  #mostBytes = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  update(rest: ProgressCounts): void {
    const now = this.#now();
    if (rest.files === 0) {
      this.#startedAt = undefined;
      this.#output.clearProgress();
      return;
    }
    if (this.#startedAt === undefined || rest.bytes > this.#mostBytes) {
      this.#startedAt = now;
      this.#mostBytes = rest.bytes;
    }
    if (now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#output.progress(this.#line(rest, now - this.#startedAt));
  }

  #line(rest: ProgressCounts, passedMs: number): string {
    const parts = [countOf(rest.files, 'file'), formatBytes(rest.bytes)];
    const rate = (this.#mostBytes - rest.bytes) / (passedMs / 1000);
    if (passedMs >= rateAfterMs && rate > 0) {
      parts.push(formatRate(rate), `${formatSeconds(rest.bytes / rate)} left`);
    }
    return `to come: ${parts.join(', ')}`;
  }
}
