/**
 * One session as gossip sees it: when the device was last heard, and which heads it is known to have.
 *
 * Invariant: what a link has been sent or has shown never goes back, so no head is sent twice on one session.
 */
import type { DeviceId, SignedHead } from '../trust/index.js';
import { nonceMax } from './datagram.js';
import { compareHeads, equalHeads } from './head-table.js';

/** A link that was silent for so long is probed. */
export const probeAfterMs = 5_000;
/** Without an answer it is probed again after each such time. */
export const probeAgainMs = 2_500;
/**
 * So many probes without an answer, 15 s, end the session. Probes and answers are datagrams: where one of five is
 * lost, three probes would end one silent session in twenty, six end one in five hundred.
 */
export const probesMax = 6;

export type Liveness =
  | { readonly verdict: 'alive' | 'dead' }
  | { readonly verdict: 'probe'; readonly nonce: number };

export class Link {
  readonly device: DeviceId;
  readonly address: string;
  readonly openedAt: number;
  /** The full vectors were sent: the device is a member. */
  introduced = false;
  /** Of the probes sent since the device was last heard. */
  #openNonces: number[] = [];
  readonly #shown = new Map<DeviceId, SignedHead>();
  #lastHeardAt: number;
  #lastProbeAt = 0;

  constructor(device: DeviceId, address: string, now: number) {
    this.device = device;
    this.address = address;
    this.openedAt = now;
    this.#lastHeardAt = now;
  }

  get lastHeardAt(): number {
    return this.#lastHeardAt;
  }

  heard(now: number): void {
    this.#lastHeardAt = now;
    this.#openNonces = [];
  }

  /** An answer counts only for a probe that is open: an old one says nothing about now. */
  answered(nonce: number, now: number): void {
    if (this.#openNonces.includes(nonce)) this.heard(now);
  }

  /** When liveness has to be looked at again, unix ms. */
  get checkAt(): number {
    return this.#openNonces.length === 0
      ? this.#lastHeardAt + probeAfterMs
      : this.#lastProbeAt + probeAgainMs;
  }

  checkLiveness(now: number, random: () => number): Liveness {
    if (now < this.checkAt) return { verdict: 'alive' };
    if (this.#openNonces.length >= probesMax) return { verdict: 'dead' };
    const nonce = Math.floor(random() * (nonceMax + 1));
    this.#openNonces.push(nonce);
    this.#lastProbeAt = now;
    return { verdict: 'probe', nonce };
  }

  /** The device has this head: it sent it, or was sent it. */
  noteShown(head: SignedHead): void {
    const known = this.#shown.get(head.head.device);
    if (known === undefined || compareHeads(head.head, known.head) >= 0)
      this.#shown.set(head.head.device, head);
  }

  /** Whether the device may lack this head. */
  lacks(head: SignedHead): boolean {
    const shown = this.#shown.get(head.head.device);
    return shown === undefined || (compareHeads(shown.head, head.head) <= 0 && !equalHeads(shown, head));
  }
}
