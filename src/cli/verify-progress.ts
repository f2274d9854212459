/** The progress line of `shoal verify`: how much was read of how much, how fast, how long it will take. */
import type { VerifyProgress } from '../share/index.js';
import { formatBytes, formatCount, formatRate, formatSeconds } from './format.js';
import type { Output } from './output.js';

/** Before that a rate means nothing. */
const rateAfterMs = 500;

export class VerifyProgressLine {
  readonly #output: Output;
  readonly #now: () => number;
  #first: { readonly at: number; readonly bytes: number } | undefined;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  update(done: VerifyProgress): void {
    this.#first ??= { at: this.#now(), bytes: done.bytes };
    const parts: string[] = [];
    if (done.chunksTotal > 0) parts.push(partOf(done.chunks, done.chunksTotal, 'chunks'));
    if (done.filesTotal > 0) parts.push(partOf(done.files, done.filesTotal, 'files'));
    parts.push(`${formatBytes(done.bytes)} of ${formatBytes(Math.max(done.bytes, done.bytesTotal))}`);
    const passedMs = this.#now() - this.#first.at;
    // What an earlier run read does not count for the rate.
    const rate = (done.bytes - this.#first.bytes) / (passedMs / 1000);
    if (passedMs >= rateAfterMs && rate > 0) {
      const leftBytes = Math.max(0, done.bytesTotal - done.bytes);
      parts.push(formatRate(rate), `${formatSeconds(leftBytes / rate)} left`);
    }
    this.#output.progress(`verified ${parts.join(', ')}`);
  }
}

/** The total was counted when the run began, and may have been overtaken. */
function partOf(done: number, total: number, what: string): string {
  return `${formatCount(done)} of ${formatCount(Math.max(done, total))} ${what}`;
}
