/** Shows that every error code has the exit code that scripts rely on, and that the gravest result of a sync counts. */
import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodeOfSync } from '../../src/cli/exit-code.js';

describe('exitCodeOf', () => {
  it.each([
    ['USAGE', 2],
    ['UNREACHABLE', 4],
    ['NOT_A_SHARE', 10],
    ['SHARE_BUSY', 11],
    ['STORE_UNOPENABLE', 12],
    ['STORE_DAMAGED', 12],
    ['REFUSED', 13],
    ['CANCELLED', 130],
    ['STORE_FAILED', 1],
    ['MALFORMED', 1],
    ['PATH_REJECTED', 1],
    ['CHUNK_MISSING', 1],
    ['IO', 1],
    ['LIMIT', 1],
    ['BUG', 1],
    ['toString', 1],
  ])('%s is %i', (code, exitCode) => {
    expect(exitCodeOf(code)).toBe(exitCode);
  });
});

describe('exitCodeOfSync', () => {
  const done = { inSync: true, held: null, changed: { conflicts: 0 } };

  it('is 0 when all members agree', () => {
    expect(exitCodeOfSync(done)).toBe(0);
  });

  it('is 3 when they agree and there are conflicts', () => {
    expect(exitCodeOfSync({ ...done, changed: { conflicts: 2 } })).toBe(3);
  });

  it('is 4 when they do not agree, conflicts or not', () => {
    expect(exitCodeOfSync({ ...done, inSync: false, changed: { conflicts: 2 } })).toBe(4);
  });

  it('is 5 when a guard holds deletions, whatever else', () => {
    expect(
      exitCodeOfSync({ inSync: false, held: { deletions: 21, of: 30 }, changed: { conflicts: 2 } }),
    ).toBe(5);
  });
});
