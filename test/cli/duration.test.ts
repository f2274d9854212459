/** Shows which durations flags take, and that all others are refused with a sentence that names the flag. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, waitDaysMax } from '../../src/cli/duration.js';
import { ShoalError } from '../../src/error.js';

const options = { flag: '--wait', daysMax: waitDaysMax };

describe('parseDuration', () => {
  it.each([
    ['1s', 1000],
    ['30s', 30_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['24d', 2_073_600_000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text, options)).toBe(ms);
  });

  it.each([
    '',
    '10',
    's',
    '0s',
    '-1s',
    '1.5h',
    '1 h',
    '1H',
    '1h30m',
    '25d',
    '999999999d',
    '9999999999s',
    '１s',
    '1s\n',
  ])('refuses %j', (text) => {
    expect(() => parseDuration(text, options)).toThrowError(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('--wait') }),
    );
  });

  it('never gives a time that a timer of Node cannot wait for', () => {
    fc.assert(
      fc.property(fc.nat(10 ** 9), fc.constantFrom('s', 'm', 'h', 'd'), (count, unit) => {
        try {
          const ms = parseDuration(`${count}${unit}`, options);
          return Number.isInteger(ms) && ms >= 1000 && ms < 2 ** 31;
        } catch (error) {
          return error instanceof ShoalError;
        }
      }),
      { seed: 20_261_122 },
    );
  });
});
