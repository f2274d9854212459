/** Virtual time for the gossip simulator: what is due runs in order of time, and at one time in order of asking. */
interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class VirtualTime {
  #now: number;
  #order = 0;
  /** Sorted by time, then order; what is due next is last. */
  readonly #due: Due[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): void {
    const due = { at: this.#now + Math.round(delayMs), order: this.#order++, run };
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#due[middle];
      if (other !== undefined && other.at > due.at) low = middle + 1;
      else high = middle;
    }
    this.#due.splice(low, 0, due);
  }

  /** Runs all that is due until `durationMs` from now. @throws Error if it never comes to rest */
  run(durationMs: number, stepsMax = 500_000): void {
    const end = this.#now + Math.round(durationMs);
    for (let step = 0; step < stepsMax; step++) {
      const next = this.#due.at(-1);
      if (next === undefined || next.at > end) {
        this.#now = end;
        return;
      }
      this.#due.pop();
      this.#now = next.at;
      next.run();
    }
    throw new Error(`more than ${stepsMax} steps in ${durationMs} ms of virtual time`);
  }
}
