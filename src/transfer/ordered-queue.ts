/**
 * A queue that gives the item of lowest order first, and lets any item leave: a binary heap in which every item
 * knows its place.
 *
 * Invariants: `items[item.place] === item` for every item inside; `place` is `outside` for every other; a parent's
 * order is not above its children's. `push`, `remove` take O(log n).
 */
import assert from 'node:assert';

export interface Queueable {
  /** Never changes while the item is inside. */
  readonly order: number;
  /** Belongs to the queue; starts as `outside`. */
  place: number;
}

export const outside = -1;

export class OrderedQueue<Item extends Queueable> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The item of lowest order, which stays inside. */
  first(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    assert(item.place === outside, 'an item is in one queue at a time');
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  remove(item: Item): void {
    const { place } = item;
    assert(this.#items[place] === item, 'only an item of this queue can leave it');
    item.place = outside;
    const last = this.#items.pop();
    assert(last !== undefined);
    if (last === item) return;
    this.#rise(last, place);
    this.#sink(last, last.place);
  }

  /** Every item, in no order. */
  [Symbol.iterator](): Iterator<Item> {
    return this.#items.values();
  }

  /** Puts `item` at `place` or, past later parents, nearer to the front. */
  #rise(item: Item, place: number): void {
    let at = place;
    while (at > 0) {
      const parentPlace = (at - 1) >>> 1;
      const parent = this.#items[parentPlace];
      if (parent === undefined || parent.order <= item.order) break;
      this.#put(parent, at);
      at = parentPlace;
    }
    this.#put(item, at);
  }

  /** Puts `item` at `place` or, past earlier children, further back. */
  #sink(item: Item, place: number): void {
    let at = place;
    for (;;) {
      const child = this.#earlierChild(at);
      if (child === undefined || child.order >= item.order) break;
      const childPlace = child.place;
      this.#put(child, at);
      at = childPlace;
    }
    this.#put(item, at);
  }

  #earlierChild(place: number): Item | undefined {
    const left = this.#items[2 * place + 1];
    const right = this.#items[2 * place + 2];
    return left !== undefined && right !== undefined && right.order < left.order ? right : left;
  }

  #put(item: Item, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }
}
