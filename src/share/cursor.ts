/**
 * Reading several sequences along with one another, all of them in the order of `compareRelPath`. Items come many at a
 * time, so that most steps need not wait.
 */
import { compareRelPath, type RelPath } from '../manifest/index.js';

/** A place in one sequence; `pathOf` says where an item stands. */
export class Cursor<T> {
  readonly #batches: AsyncIterator<readonly T[]>;
  readonly #pathOf: (item: T) => RelPath;
  #batch: readonly T[] = [];
  #next = 0;
  #isDone = false;

  constructor(batches: AsyncIterable<readonly T[]>, pathOf: (item: T) => RelPath) {
    this.#batches = batches[Symbol.asyncIterator]();
    this.#pathOf = pathOf;
  }

  /** Whether `before` and `at` need no `fill` first. */
  get isReady(): boolean {
    return this.#next < this.#batch.length || this.#isDone;
  }

  /** Makes it ready. */
  async fill(): Promise<void> {
    while (!this.isReady) {
      const result = await this.#batches.next();
      this.#isDone = result.done === true;
      this.#batch = result.done === true ? [] : result.value;
      this.#next = 0;
    }
  }

  /** Takes the next item if it stands before `path`. Call when ready. */
  before(path: RelPath): T | undefined {
    const item = this.#batch[this.#next];
    if (item === undefined) return undefined;
    const own = this.#pathOf(item);
    // Most often they are equal, and that is seen at once.
    if (own === path || compareRelPath(own, path) >= 0) return undefined;
    this.#next++;
    return item;
  }

  /** Takes the item of exactly `path`, if it is next. Call when ready. */
  at(path: RelPath): T | undefined {
    const item = this.#batch[this.#next];
    if (item === undefined || this.#pathOf(item) !== path) return undefined;
    this.#next++;
    return item;
  }

  async *rest(): AsyncGenerator<T> {
    for (await this.fill(); !this.#isDone; await this.fill()) yield this.#batch[this.#next++] as T;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
