/**
 * Waiting for conditions, bounded. A wait that ends without its condition fails with what was waited for and with
 * what is known at that moment, because a test that only says "timed out" helps nobody.
 */

/** Nothing on loopback takes longer, even on a machine that is busy with other things. */
export const patienceMs = 60_000;
/** Between two looks at a condition that cannot be awaited as an event. */
const defaultPollMs = 50;

export interface Wait {
  /** Completes the sentence "waited in vain until …". */
  readonly until: string;
  /** What to show when the wait was in vain. */
  readonly describe?: () => string;
  readonly patienceMs?: number;
  /** Between two looks. */
  readonly pollMs?: number;
}

/** Looks again and again until `look` gives something else than undefined. It is looked at at least once. */
export async function poll<T>(look: () => Promise<T | undefined>, wait: Wait): Promise<T> {
  const deadline = performance.now() + (wait.patienceMs ?? patienceMs);
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() >= deadline) throw inVain(wait);
    await new Promise((resolve) => setTimeout(resolve, wait.pollMs ?? defaultPollMs));
  }
}

/** `promise`, unless it takes longer than the wait allows. */
export async function within<T>(promise: Promise<T>, wait: Wait): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(inVain(wait)), wait.patienceMs ?? patienceMs);
  });
  try {
    return await Promise.race([promise, bound]);
  } finally {
    clearTimeout(timer);
  }
}

function inVain({ until, describe }: Wait): Error {
  return new Error(`Waited in vain until ${until}.${describe === undefined ? '' : `\n${describe()}`}`);
}
