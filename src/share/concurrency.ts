/**
 * Runs `work` over `items` with at most `limit` at once, in order of arrival. The first failure stops taking
 * new items, waits for the running ones, and is thrown.
 */
export async function forEachConcurrent<T>(
  items: AsyncIterable<T> | Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  for await (const item of items) {
    if (failure !== undefined) break;
    const task = work(item).catch((error: unknown) => {
      failure ??= { error };
    });
    const tracked = task.then(() => {
      running.delete(tracked);
    });
    running.add(tracked);
    if (running.size >= limit) await Promise.race(running);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}

/** `work` of each item, in order, begun for up to `count` items before the first is asked for. */
export async function* ahead<T, U>(
  items: AsyncIterable<T>,
  count: number,
  work: (item: T) => Promise<U>,
): AsyncGenerator<U> {
  const begun: Promise<U>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      result.catch(() => undefined); // Awaited below, in order; until then a failure must not count as unhandled.
      begun.push(result);
      const first = begun.length >= count ? begun.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let next = begun.shift(); next !== undefined; next = begun.shift()) yield await next;
  } finally {
    await Promise.allSettled(begun);
  }
}
