/**
 * Which dials are let in (HAZARDS 49): a flood, spoofed or replayed, costs a bounded amount of memory and never
 * blocks an address that it cannot speak for. Pure: time comes in as an argument.
 *
 * A dial that is seen again gets the answer it got before, so repeats open nothing; the answer goes only to the
 * address that asked first. Whoever is turned away here is not remembered and may simply dial again.
 */

import { formatAddress, type SocketAddress } from './address.js';
import type { Dial } from './dial-datagram.js';

/** Streams that were opened for a dial and are not yet authenticated. */
export const halfOpenMax = 64;
/** New dials from one IP address: this many at once, then so many a second. */
export const dialBurst = 10;
export const dialsPerSecond = 5;
/** IP addresses whose rate is kept; the one that was quiet longest is forgotten. */
const ratesMax = 1024;
/** Answers that are kept for repeats. */
const answersMax = 1024;

export type Admission =
  /** Open a stream, answer, and call `remember` and, at the end of the handshake, `settle`. */
  | { readonly kind: 'open' }
  /** Send this again. */
  | { readonly kind: 'repeat'; readonly answer: Uint8Array }
  /** Silence. */
  | { readonly kind: 'drop' };

interface Rate {
  dials: number;
  at: number;
}

export class DialGate {
  readonly #answers = new Map<string, { readonly source: string; readonly answer: Uint8Array }>();
  readonly #rates = new Map<string, Rate>();
  #halfOpen = 0;

  /** What is kept of the past: both have a bound. */
  get remembered(): { readonly answers: number; readonly rates: number } {
    return { answers: this.#answers.size, rates: this.#rates.size };
  }

  /** @param now - ms of a clock that never goes back */
  admit(dial: Dial, source: SocketAddress, now: number): Admission {
    const known = this.#answers.get(keyOf(dial));
    if (known !== undefined) {
      return known.source === formatAddress(source)
        ? { kind: 'repeat', answer: known.answer }
        : { kind: 'drop' };
    }
    if (this.#halfOpen >= halfOpenMax || !this.#spend(source.host, now)) return { kind: 'drop' };
    return { kind: 'open' };
  }

  /** Counts a half-open stream, and keeps its answer for repeats of its dial. */
  remember(dial: Dial, source: SocketAddress, answer: Uint8Array): void {
    this.#halfOpen++;
    this.#answers.set(keyOf(dial), { source: formatAddress(source), answer });
    forgetOldest(this.#answers, answersMax);
  }

  /** A half-open stream became a session or died. */
  settle(): void {
    this.#halfOpen--;
  }

  /** Token bucket, kept as the number of recent dials, which leaks away. */
  #spend(host: string, now: number): boolean {
    const rate = this.#rates.get(host) ?? { dials: 0, at: now };
    rate.dials = Math.max(0, rate.dials - ((now - rate.at) / 1000) * dialsPerSecond);
    rate.at = now;
    const allowed = rate.dials + 1 <= dialBurst;
    if (allowed) rate.dials += 1;
    this.#rates.delete(host);
    this.#rates.set(host, rate);
    forgetOldest(this.#rates, ratesMax);
    return allowed;
  }
}

/** Maps keep the order of insertion. */
function forgetOldest(map: Map<string, unknown>, sizeMax: number): void {
  if (map.size <= sizeMax) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}

const keyOf = (dial: Dial): string => Buffer.from(dial.nonce).toString('hex');
