/**
 * The newest head of every other device.
 *
 * Heads of one actor are ordered by sequence; heads of two actors by time, then actor: a device that lost its state
 * goes on under a new actor with a later time.
 *
 * Invariants
 * - A device's head never goes back in this order.
 * - An actor that its device has left is never taken up again: its counters may have been used twice.
 * - After two different heads under one sequence nothing more of that actor is accepted; a new actor thaws the
 *   device. Both heads are kept as evidence and relayed, so that every member sees it.
 */
import type { ActorId, DeviceId, Head, SignedHead } from '../trust/index.js';

/** A sequence further ahead than this is no honest count. */
const sequenceJumpMax = 2 ** 40;
/** The most left actors remembered for a device. */
const formerActorsMax = 16;

export type HeadOutcome =
  /** Newer than what was known, and known now. */
  | 'advanced'
  | 'same'
  | 'older'
  /** A second head under the sequence of the known one: has just frozen the device. */
  | 'equivocation'
  /** Of an actor that its device has left, but signed later: the device runs from an old copy of its state. */
  | 'former-actor'
  /** Of a frozen actor, or a sequence out of range: not to be taken. */
  | 'rejected';

interface DeviceHeads {
  current: SignedHead;
  /** The other head under the sequence of `current`. */
  evidence?: SignedHead;
  readonly formerActors: Set<ActorId>;
}

/** @returns below 0 if `a` is older than `b`, above 0 if newer, 0 if they stand at one place */
export function compareHeads(a: Head, b: Head): number {
  if (a.actor === b.actor) return a.sequence - b.sequence;
  if (a.time !== b.time) return a.time - b.time;
  return a.actor < b.actor ? -1 : 1;
}

export function equalHeads(a: SignedHead, b: SignedHead): boolean {
  return a.bytes.length === b.bytes.length && a.bytes.every((byte, index) => byte === b.bytes[index]);
}

export class HeadTable {
  readonly #devices = new Map<DeviceId, DeviceHeads>();

  get(device: DeviceId): SignedHead | undefined {
    return this.#devices.get(device)?.current;
  }

  /** What proves that `device` signed two heads under one sequence: the one that is not `get(device)`. */
  evidence(device: DeviceId): SignedHead | undefined {
    return this.#devices.get(device)?.evidence;
  }

  all(): SignedHead[] {
    return Array.from(this.#devices.values(), ({ current }) => current);
  }

  allEvidence(): SignedHead[] {
    return Array.from(this.#devices.values(), ({ evidence }) => evidence).filter(
      (head) => head !== undefined,
    );
  }

  forget(device: DeviceId): void {
    this.#devices.delete(device);
  }

  accept(head: SignedHead): HeadOutcome {
    const { device, actor, sequence } = head.head;
    const known = this.#devices.get(device);
    if (!Number.isSafeInteger(sequence) || sequence < 0) return 'rejected';
    if (known === undefined) {
      if (sequence > sequenceJumpMax) return 'rejected';
      this.#devices.set(device, { current: head, formerActors: new Set() });
      return 'advanced';
    }
    const { current } = known;
    const order = compareHeads(head.head, current.head);
    if (order < 0) return 'older';
    if (order === 0 && equalHeads(head, current)) return 'same';
    const sameActor = actor === current.head.actor;
    if (sameActor && known.evidence !== undefined) return 'rejected';
    if (order === 0) {
      known.evidence = head;
      return 'equivocation';
    }
    if (sequence - (sameActor ? current.head.sequence : 0) > sequenceJumpMax) return 'rejected';
    if (known.formerActors.has(actor)) return 'former-actor';
    if (!sameActor) leaveActor(known);
    known.current = head;
    return 'advanced';
  }
}

function leaveActor(heads: DeviceHeads): void {
  delete heads.evidence;
  heads.formerActors.add(heads.current.head.actor);
  const [oldest] = heads.formerActors;
  if (heads.formerActors.size > formerActorsMax && oldest !== undefined) heads.formerActors.delete(oldest);
}
