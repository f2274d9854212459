/** Reading several sequences along with one another, all of them in the order of `compareRelPath`. */
import { compareRelPath, type RelPath } from '../manifest/index.js';

/** A place in one sequence; `pathOf` says where an item stands. */
export class Cursor<T> {
  readonly #items: AsyncIterator<T>;
  readonly #pathOf: (item: T) => RelPath;
  #next: T | undefined;
  #started = false;

  constructor(items: AsyncIterable<T>, pathOf: (item: T) => RelPath) {
    this.#items = items[Symbol.asyncIterator]();
    this.#pathOf = pathOf;
  }

  /** Takes and yields what stands before `path`. */
  async *before(path: RelPath): AsyncGenerator<T> {
    for (
      let item = await this.#peek();
      item !== undefined && compareRelPath(this.#pathOf(item), path) < 0;
      item = await this.#peek()
    ) {
      await this.#advance();
      yield item;
    }
  }

  async skipBefore(path: RelPath): Promise<void> {
    for (
      let item = await this.#peek();
      item !== undefined && compareRelPath(this.#pathOf(item), path) < 0;
      item = await this.#peek()
    ) {
      await this.#advance();
    }
  }

  /** Takes the item of exactly `path`, if it is next. */
  async at(path: RelPath): Promise<T | undefined> {
    const item = await this.#peek();
    if (item === undefined || this.#pathOf(item) !== path) return undefined;
    await this.#advance();
    return item;
  }

  async *rest(): AsyncGenerator<T> {
    for (let item = await this.#peek(); item !== undefined; item = await this.#peek()) {
      await this.#advance();
      yield item;
    }
  }

  async #peek(): Promise<T | undefined> {
    if (!this.#started) {
      this.#started = true;
      await this.#advance();
    }
    return this.#next;
  }

  async #advance(): Promise<void> {
    const result = await this.#items.next();
    this.#next = result.done === true ? undefined : result.value;
  }
}
