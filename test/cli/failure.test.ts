/** Shows that every error becomes one printable line with a code and an exit code, oclif's complaints included. */
import { describe, expect, it } from 'vitest';
import { asUsageError, describeFailure, isInterruption, stackOf } from '../../src/cli/failure.js';
import { printable } from '../../src/cli/printable.js';
import { ShoalError } from '../../src/error.js';

/** An error as oclif throws it for wrong arguments. */
function complaint(message: string): Error {
  return Object.assign(new Error(message), { oclif: { exit: 2 } });
}

describe('describeFailure', () => {
  it('gives the sentence, the code and the exit code', () => {
    expect(describeFailure(new ShoalError('NOT_A_SHARE', '/x is not in a share.'))).toEqual({
      code: 'NOT_A_SHARE',
      message: '/x is not in a share.',
      exitCode: 10,
    });
  });

  it('lets no control character through', () => {
    const { message } = describeFailure(new ShoalError('IO', 'a\u001b[31m\nb\u202ec'));
    expect(message).toBe('a\\u{1b}[31m\\nb\\u{202e}c');
  });

  it('says that what nobody foresaw is a bug', () => {
    expect(describeFailure(new TypeError('x is undefined'))).toMatchObject({ code: 'BUG', exitCode: 1 });
    expect(describeFailure('text')).toMatchObject({ code: 'BUG', exitCode: 1 });
  });

  it('takes an aborted signal for an interruption', () => {
    expect(describeFailure(AbortSignal.abort().reason)).toMatchObject({ code: 'CANCELLED', exitCode: 130 });
  });
});

describe('asUsageError', () => {
  it.each([
    [
      'Nonexistent flag: --foo\nSee more help with --help',
      'Nonexistent flag: --foo; see `shoal sync --help`.',
    ],
    [
      'Missing 2 required args:\nticket  what it is\ndir     where\nSee more help with --help',
      'Missing 2 required args: TICKET, DIR; see `shoal sync --help`.',
    ],
    [
      'Parsing --port \n\tExpected an integer but received: x\nSee more help with --help',
      '--port: Expected an integer but received: x; see `shoal sync --help`.',
    ],
    ['Unexpected argument: a\u001b[2J', 'Unexpected argument: a\\u{1b}[2J; see `shoal sync --help`.'],
  ])('%j', (message, sentence) => {
    expect(asUsageError(complaint(message), 'sync')).toMatchObject({ code: 'USAGE', message: sentence });
  });

  it('names an unknown command', () => {
    expect(asUsageError(complaint('command snyc not found'), undefined)).toMatchObject({
      message: 'There is no command "snyc"; see `shoal --help`.',
    });
  });

  it('leaves other errors alone', () => {
    const error = new ShoalError('IO', 'no');
    expect(asUsageError(error, 'sync')).toBe(error);
  });
});

describe('isInterruption', () => {
  it('is how waiting ends, and never a fault of the store', () => {
    expect(isInterruption(AbortSignal.abort().reason)).toBe(true);
    for (const code of ['CANCELLED', 'UNREACHABLE', 'SHARE_BUSY'] as const)
      expect(isInterruption(new ShoalError(code, ''))).toBe(true);
    for (const code of ['STORE_DAMAGED', 'STORE_FAILED', 'IO', 'REFUSED'] as const)
      expect(isInterruption(new ShoalError(code, ''))).toBe(false);
    expect(isInterruption(new TypeError())).toBe(false);
  });
});

describe('stackOf', () => {
  it('follows causes, but not for ever', () => {
    const inner = new Error('inner');
    const outer = new ShoalError('IO', 'outer', { cause: inner });
    expect(stackOf(outer)).toMatch(/outer[\s\S]*caused by: Error: inner/);
    inner.cause = outer;
    expect(stackOf(outer).match(/caused by/g)).toHaveLength(7);
  });
});

describe('printable', () => {
  it('changes nothing the second time, so that names that are escaped already stay as they are', () => {
    const once = printable('a\\n\tb\u0000\ud800\u2028');
    expect(once).toBe('a\\n\\tb\\u{0}\\u{d800}\\u{2028}');
    expect(printable(once)).toBe(once);
  });
});
