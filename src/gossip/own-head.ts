/**
 * This device's own head, and the notice that its state is not the latest: restored from a backup, lost, or
 * running twice. Peers show it by holding a head of this device that this device did not sign.
 *
 * Invariant: each such head is reported at most once, so that the caller is told once to take a new actor.
 */
import assert from 'node:assert';
import type { ActorId, SignedHead } from '../trust/index.js';
import { compareHeads, equalHeads } from './head-table.js';

/** The most actors of this device that are remembered: those it has left and those it was told of. */
const actorsKnownMax = 64;

export class OwnHead {
  #current: SignedHead | undefined;
  /** For each actor but the current one the highest sequence that is no news. */
  readonly #known = new Map<ActorId, number>();

  constructor(stored: SignedHead | undefined) {
    this.#current = stored;
  }

  get current(): SignedHead | undefined {
    return this.#current;
  }

  /**
   * @returns whether `head` is new: the stored one may be told again
   * @throws AssertionError if `head` is older than the current one: the caller's fault
   */
  advance(head: SignedHead): boolean {
    const former = this.#current;
    if (former !== undefined) {
      if (equalHeads(former, head)) return false;
      assert(compareHeads(head.head, former.head) > 0, 'the own head only goes forward');
      if (former.head.actor !== head.head.actor) this.#note(former);
    }
    this.#known.delete(head.head.actor);
    this.#current = head;
    return true;
  }

  /** @returns whether `head`, which names this device, shows that another copy of it got further: once for each */
  showsFutureState(head: SignedHead): boolean {
    const { actor, sequence, time } = head.head;
    const own = this.#current;
    const known = this.#known.get(actor);
    if (known !== undefined && sequence <= known) return false;
    if (own !== undefined) {
      if (actor === own.head.actor && (sequence < own.head.sequence || equalHeads(head, own))) return false;
      // A left actor that went on, but not past us, is an old copy of this device: no danger to this one.
      if (actor !== own.head.actor && known !== undefined && time <= own.head.time) return false;
    }
    this.#note(head);
    return true;
  }

  #note(head: SignedHead): void {
    const { actor, sequence } = head.head;
    const highest = Math.max(sequence, this.#known.get(actor) ?? 0);
    // Taken out first, so that the actor counts as the youngest.
    this.#known.delete(actor);
    this.#known.set(actor, highest);
    const [oldest] = this.#known.keys();
    if (this.#known.size > actorsKnownMax && oldest !== undefined) this.#known.delete(oldest);
  }
}
