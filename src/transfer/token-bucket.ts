/**
 * A token bucket: how many bytes may move now, so that they keep to a rate over any time. Pure: time comes in.
 *
 * Invariants
 * - In any `t` seconds at most `burstBytes + t * bytesPerSecond` are taken, less what was given back.
 * - The level follows from the time that has passed, not from how often somebody asked: a late timer loses nothing, as
 *   long as it is late by less than the burst.
 * - A clock that goes back counts as one that stands still.
 */
import assert from 'node:assert';

export interface TokenBucketOptions {
  readonly bytesPerSecond: number;
  /** What may move at once after a pause; nothing larger can ever be taken. */
  readonly burstBytes: number;
}

export class TokenBucket {
  readonly #bytesPerSecond: number;
  readonly #burstBytes: number;
  #level: number;
  /** When `#level` was true. */
  #at: number;

  /** A full bucket. @param now - unix ms */
  constructor({ bytesPerSecond, burstBytes }: TokenBucketOptions, now: number) {
    assert(bytesPerSecond > 0 && burstBytes > 0, 'a bucket fills and holds something');
    this.#bytesPerSecond = bytesPerSecond;
    this.#burstBytes = burstBytes;
    this.#level = burstBytes;
    this.#at = now;
  }

  /** @returns whole ms until `bytes` can be taken, if nobody else takes any; 0: now */
  waitMs(bytes: number, now: number): number {
    assert(bytes <= this.#burstBytes, 'no wait is long enough for more than the burst');
    this.#fill(now);
    return Math.ceil((Math.max(0, bytes - this.#level) / this.#bytesPerSecond) * 1000);
  }

  /** Takes `bytes`, for which there is no wait. */
  take(bytes: number, now: number): void {
    assert(this.waitMs(bytes, now) === 0, 'nothing is taken before its time');
    this.#level -= bytes;
  }

  /** `bytes` that were taken did not move after all. */
  giveBack(bytes: number, now: number): void {
    this.#fill(now);
    this.#level = Math.min(this.#burstBytes, this.#level + bytes);
  }

  #fill(now: number): void {
    const seconds = Math.max(0, now - this.#at) / 1000;
    this.#at = now;
    this.#level = Math.min(this.#burstBytes, this.#level + seconds * this.#bytesPerSecond);
  }
}
