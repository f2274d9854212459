/** Shows that waiting for the peers of the demo survives what they report, and ends when it is interrupted. */
import { describe, expect, it } from 'vitest';
import { Crew } from '../../src/cli/demo/crew.js';

function gather(signal: AbortSignal): Promise<Crew> {
  return Crew.gather({
    directory: '/nowhere',
    program: '/nowhere/bin/shoal.js',
    now: () => 0,
    onEvent: () => undefined,
    signal,
  });
}

describe('Crew', () => {
  it('takes an error that a peer reports for news, not for its own', async () => {
    const crew = await gather(new AbortController().signal);
    expect(() => crew.tell(crew.first, { event: 'error', code: 'IO', text: 'no' })).not.toThrow();
  });

  it('looks again as soon as there is news', async () => {
    const crew = await gather(new AbortController().signal);
    let looks = 0;
    await crew.until(
      'insync',
      60_000,
      async () => {
        looks++;
        setImmediate(() => crew.tell(crew.first, { event: 'insync', root: '' }));
        return looks === 3;
      },
      () => '',
    );
    expect(looks).toBe(3);
  });

  it('stops waiting when it is interrupted', async () => {
    const interruption = new AbortController();
    const crew = await gather(interruption.signal);
    const waiting = crew.until(
      'insync',
      60_000,
      async () => {
        setImmediate(() => interruption.abort());
        return false;
      },
      () => '',
    );
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
