/** Things that are lent to one at a time: who comes when all are lent waits for one, in order. The latest given back goes first. */
export class Slots<T> {
  readonly #waiting: ((slot: T) => void)[] = [];
  readonly #free: T[];

  constructor(slots: readonly T[]) {
    this.#free = [...slots];
  }

  async take(): Promise<T> {
    if (this.#free.length > 0) return this.#free.pop() as T;
    return new Promise<T>((resolve) => this.#waiting.push(resolve));
  }

  give(slot: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
