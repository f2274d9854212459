/**
 * How far a pass of `verify` has come, kept in the store from run to run: a limited run goes on where the run before it
 * ended, was interrupted or killed. After a pass that reached its end it begins anew, and so does every run without a
 * limit: one that says all is well has looked at everything.
 *
 * The record is no more than a convenience: one that is damaged is as good as none.
 */
import { isShoalError } from '../error.js';
import type { Store } from '../store/index.js';
import { decodeVerifyPosition, encodeVerifyPosition, type VerifyPosition } from './records.js';

/** The parts of a pass, in their order. Each has a position of its own. */
export type Part = 'references' | 'chunks' | 'files';

/** Written at most so often while a part is under way. */
const keepEveryMs = 5000;

export class Positions {
  readonly #store: Store;
  readonly #parts: readonly Part[];
  readonly #now: () => number;
  readonly #at: Map<Part, VerifyPosition>;
  #keptAt: number;

  private constructor(
    store: Store,
    parts: readonly Part[],
    now: () => number,
    at: Map<Part, VerifyPosition>,
  ) {
    this.#store = store;
    this.#parts = parts;
    this.#now = now;
    this.#at = at;
    this.#keptAt = now();
  }

  /** Those at which the run before ended. */
  static async resume(store: Store, parts: readonly Part[], now: () => number): Promise<Positions> {
    const at = new Map<Part, VerifyPosition>();
    for (const part of parts) {
      const position = await read(store, part);
      if (position !== undefined) at.set(part, position);
    }
    // All that is asked for was done: by a run that asked for more, and did not get to its end.
    if (parts.every((part) => at.get(part)?.isDone === true)) at.clear();
    return new Positions(store, parts, now, at);
  }

  /** Those of a pass that begins. */
  static begin(store: Store, parts: readonly Part[], now: () => number): Positions {
    return new Positions(store, parts, now, new Map());
  }

  /** Where `part` goes on; undefined: at the beginning. */
  of(part: Part): VerifyPosition | undefined {
    return this.#at.get(part);
  }

  /** The part that is under way, or the next one; undefined when all are done. */
  get next(): Part | undefined {
    return this.#parts.find((part) => this.#at.get(part)?.isDone !== true);
  }

  /** Everything up to `position` has been looked at. */
  async reach(part: Part, position: VerifyPosition): Promise<void> {
    this.#at.set(part, position);
    if (this.#now() - this.#keptAt >= keepEveryMs) await this.keep();
  }

  /** Writes where the next run goes on; at the end of the pass that is the beginning. */
  async keep(): Promise<void> {
    this.#keptAt = this.#now();
    const isWhole = this.next === undefined;
    const changes = this.#parts.map((part) => {
      const position = isWhole ? undefined : this.#at.get(part);
      const record = { kind: 'state', key: keyOf(part) } as const;
      return position === undefined
        ? ({ ...record, delete: true } as const)
        : { ...record, value: encodeVerifyPosition(position) };
    });
    await this.#store.commit(changes, { durable: false });
  }
}

async function read(store: Store, part: Part): Promise<VerifyPosition | undefined> {
  try {
    const bytes = await store.getRecord('state', keyOf(part));
    return bytes === undefined ? undefined : decodeVerifyPosition(bytes);
  } catch (error) {
    if (isShoalError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

function keyOf(part: Part): string {
  return `verify-${part}`;
}
