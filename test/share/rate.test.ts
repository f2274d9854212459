/** Shows which rates flags and settings take, and that all others are refused with a sentence that names where they stand. */
import { describe, expect, it } from 'vitest';
import { parseRate } from '../../src/share/rate.js';

describe('parseRate', () => {
  it.each([
    ['10KB/s', 10_000],
    ['5MB/s', 5_000_000],
    ['5 MB/s', 5_000_000],
    ['1.5MB/s', 1_500_000],
    ['2GB/s', 2_000_000_000],
    ['10KiB/s', 10_240],
    ['0.333MiB/s', 349_176],
    ['1GiB/s', 1_073_741_824],
    ['none', undefined],
  ])('%s', (text, bytesPerSecond) => {
    expect(parseRate(text, { name: '--limit-up' })).toBe(bytesPerSecond);
  });

  it.each([
    '',
    '5',
    '5MB',
    '5Mb/s',
    '5mb/s',
    '5MBps',
    '-5MB/s',
    '0KB/s',
    '9.9KB/s',
    '1e9KB/s',
    '5,5MB/s',
    '1.2345MB/s',
    '5MB/s\n',
    'None',
  ])('refuses %j', (text) => {
    expect(() => parseRate(text, { name: '--limit-up' })).toThrowError(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(/^--limit-up ".*" is .*$/) }),
    );
  });
});
