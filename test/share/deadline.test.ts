/** Shows that a deadline comes although nothing but its own timer knows of it, and that nothing is left behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { withDeadline } from '../../src/share/deadline.js';

const aborted = (signal: AbortSignal): Promise<string> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve('aborted');
    signal.addEventListener('abort', () => resolve('aborted'));
  });

describe('withDeadline', () => {
  it('comes even if the garbage is collected meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const collecting = setInterval(collect, 10);
    const { signal } = new AbortController();
    expect(await withDeadline({ signal, timeoutMs: 100 }, aborted)).toBe('aborted');
    clearInterval(collecting);
  });

  it('comes early when the other signal aborts, before or after the beginning', async () => {
    const user = new AbortController();
    const waiting = withDeadline({ signal: user.signal, timeoutMs: 2 ** 40 }, aborted);
    user.abort();
    expect(await waiting).toBe('aborted');
    expect(await withDeadline({ signal: user.signal, timeoutMs: 2 ** 40 }, aborted)).toBe('aborted');
  });

  it('does not abort what is done, and passes on results and errors', async () => {
    const { signal } = new AbortController();
    let given: AbortSignal | undefined;
    const task = (own: AbortSignal): Promise<number> => {
      given = own;
      return Promise.resolve(7);
    };
    expect(await withDeadline({ signal, timeoutMs: 1 }, task)).toBe(7);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(given?.aborted).toBe(false);
    await expect(
      withDeadline({ signal, timeoutMs: 1 }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no');
  });
});
