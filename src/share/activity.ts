/**
 * Activity: who is at work on chunks that no root names yet. A scan stores the chunks of a file, or finds them there,
 * long before the commit that enters the file in the tree; a pull does so with nodes and contents.
 *
 * A verification relies on what the tree named when it began.
 *
 * A collection must not take such chunks away. From its beginning the store remembers every id that is put, read or
 * asked for (store/collection.ts), so work that begins later is safe by itself. Work that was under way has found chunks
 * that nobody remembers: `settled` waits until it has ended, and then what it did is in the tree, or given up.
 *
 * Whoever relies on a chunk being in the store over more than one commit runs under `run`. There is no deadlock: `run`
 * never waits, and whoever waits in `settled` must not be inside a `run`.
 */
export class Activity {
  readonly #running = new Set<Promise<unknown>>();

  /** Runs `task`; collections that begin meanwhile wait for it. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    const work = task();
    const ended = work.catch(() => undefined);
    this.#running.add(ended);
    try {
      return await work;
    } finally {
      this.#running.delete(ended);
    }
  }

  /** Whether anything is at work. */
  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /**
   * Resolves when everything that runs now has ended; what begins meanwhile is not waited for.
   * @throws the reason of `signal` when it aborts first
   */
  async settled(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const all = Promise.all(this.#running);
    if (signal === undefined) return void (await all);
    let stop: () => void = () => undefined;
    const aborted = new Promise<never>((_, reject) => {
      stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop, { once: true });
    });
    try {
      await Promise.race([all, aborted]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }
}
