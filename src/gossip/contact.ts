/**
 * One contact: a device and the addresses it may be reached at, or one address of which the device is not known yet.
 *
 * Invariants: at most `addressesPerDeviceMax` addresses; one dial at a time; what a person configured is never
 * pushed out by what peers say; what peers only heard of (second hand) is tried when nothing better works.
 */
import type { DeviceId } from '../trust/index.js';

export const addressesPerDeviceMax = 8;
/** A dial without an outcome after this long counts as failed. */
export const dialTimeoutMs = 15_000;
/** Back-off after failed dials: doubles from the first to the last, then a half more by chance. */
const backOffFirstMs = 500;
const backOffLastMs = 40_000;
/** A session that ends sooner than this does not end the back-off. */
export const provenSessionMs = 10_000;

/** How an address came to us, the best last. */
export type Hand = 'second' | 'first' | 'configured';
const handRank: Readonly<Record<Hand, number>> = { second: 0, first: 1, configured: 2 };

interface KnownAddress {
  readonly address: string;
  hand: Hand;
  /** A session has shown that it works, or where the device is: worth telling others. */
  proven: boolean;
  /** Dials in a row that failed. */
  failures: number;
}

/** @param round - how many times everything has failed; @param random - 0 to 1 */
export function backOffMs(round: number, random: number): number {
  return Math.round(Math.min(backOffFirstMs * 2 ** round, backOffLastMs) * (1 + random / 2));
}

export class Contact {
  readonly device: DeviceId | undefined;
  readonly #addresses = new Map<string, KnownAddress>();
  #dial: { readonly address: string; readonly since: number } | undefined;
  #nextDialAt: number;
  #shortSessions = 0;
  /** Whether its being unreachable has been told since it was last reached. */
  unreachableReported = false;

  constructor(device: DeviceId | undefined, now: number) {
    this.device = device;
    this.#nextDialAt = now;
  }

  get dialling(): string | undefined {
    return this.#dial?.address;
  }

  get nextDialAt(): number {
    return this.#nextDialAt;
  }

  get dialEndsBy(): number | undefined {
    return this.#dial === undefined ? undefined : this.#dial.since + dialTimeoutMs;
  }

  /** How often every address has failed in a row. */
  get failedRounds(): number {
    return Math.min(...Array.from(this.#addresses.values(), ({ failures }) => failures));
  }

  has(address: string): boolean {
    return this.#addresses.has(address);
  }

  get addressCount(): number {
    return this.#addresses.size;
  }

  /** Adds `address`, or raises its hand. @returns whether it is kept */
  add(address: string, hand: Hand, proven: boolean): boolean {
    const known = this.#addresses.get(address);
    if (known !== undefined) {
      if (handRank[hand] > handRank[known.hand]) known.hand = hand;
      known.proven ||= proven;
      return true;
    }
    if (this.#addresses.size >= addressesPerDeviceMax && !this.#makeRoom(hand)) return false;
    this.#addresses.set(address, { address, hand, proven, failures: 0 });
    return true;
  }

  remove(address: string): void {
    this.#addresses.delete(address);
    if (this.#dial?.address === address) this.#dial = undefined;
  }

  /** Gives its addresses to `other`: they turned out to be of that device. */
  mergeInto(other: Contact): void {
    for (const { address, hand, proven } of this.#addresses.values()) other.add(address, hand, proven);
  }

  /** The addresses worth telling other devices, at most `max`, the one proven last first. */
  provenAddresses(max: number): string[] {
    const proven = [...this.#addresses.values()].filter((known) => known.proven);
    return proven
      .reverse()
      .slice(0, max)
      .map(({ address }) => address);
  }

  /** The address to try next: what failed least; first hand before second; then the one known longest. */
  nextAddress(): string | undefined {
    let best: KnownAddress | undefined;
    for (const known of this.#addresses.values()) {
      if (best === undefined || isBetter(known, best)) best = known;
    }
    return best?.address;
  }

  startDial(address: string, now: number): void {
    this.#dial = { address, since: now };
  }

  dialFailed(now: number, random: number): void {
    const known = this.#addresses.get(this.#dial?.address ?? '');
    this.#dial = undefined;
    if (known === undefined) return;
    known.failures++;
    this.#nextDialAt = now + backOffMs(Math.max(0, this.failedRounds - 1), random);
  }

  /** A session is open: what works now is tried first next time. */
  reached(address: string): void {
    // A dial to another address still runs, and is to end before there is another one.
    if (this.#dial?.address === address) this.#dial = undefined;
    this.unreachableReported = false;
    const known = this.#addresses.get(address);
    if (known === undefined) return;
    known.failures = 0;
    this.#addresses.delete(address);
    this.#addresses.set(address, known);
  }

  /** The session is gone. @param livedMs - how long it was open */
  lost(livedMs: number, now: number, random: number): void {
    this.#shortSessions = livedMs < provenSessionMs ? this.#shortSessions + 1 : 0;
    this.#nextDialAt = now + backOffMs(this.#shortSessions, random);
  }

  /** Pushes out the worst address that `hand` may replace: never a better one, never one that was configured. */
  #makeRoom(hand: Hand): boolean {
    let worst: KnownAddress | undefined;
    for (const known of this.#addresses.values()) {
      if (known.hand === 'configured' || handRank[known.hand] > handRank[hand]) continue;
      if (known.address === this.#dial?.address) continue;
      if (worst === undefined || isBetter(worst, known)) worst = known;
    }
    if (worst === undefined) return false;
    this.#addresses.delete(worst.address);
    return true;
  }
}

function isBetter(a: KnownAddress, b: KnownAddress): boolean {
  if (a.failures !== b.failures) return a.failures < b.failures;
  return isHeardOfOnly(b) && !isHeardOfOnly(a);
}

const isHeardOfOnly = ({ hand }: KnownAddress): boolean => hand === 'second';
