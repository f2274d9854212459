/** Choices for tests that depend on a seed alone, so that a failure can be played again. */
import { seededNumbers } from '../chunking/seeded-bytes.js';

/** Choices that depend on a seed alone. */
export class SeededChoice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = seededNumbers(seed);
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    return this.#next() % bound;
  }

  /** One of `items`, of which there is at least one. */
  of<T>(items: readonly T[]): T {
    const chosen = items[this.below(items.length)];
    if (chosen === undefined) throw new Error('There is nothing to choose from.');
    return chosen;
  }

  /** A seed for something else. */
  seed(): number {
    return this.#next();
  }
}
