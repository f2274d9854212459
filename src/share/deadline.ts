/**
 * Work that must end by a time. Not `AbortSignal.any([signal, AbortSignal.timeout(ms)])`: in Node 20 nothing holds
 * the signal of the timeout then, so the garbage collector takes it, its time never comes, and a sync from cron
 * waits for ever.
 */

/** A timer of Node cannot wait for longer. */
const timerMsMax = 2 ** 31 - 1;

/** @param task - given a signal that aborts when `signal` does, or `timeoutMs` after the call */
export async function withDeadline<T>(
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const either = new AbortController();
  const abort = (): void => either.abort(signal.reason);
  const timer = setTimeout(() => either.abort(), Math.min(timeoutMs, timerMsMax));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await task(either.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
