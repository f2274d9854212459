/** Shows how numbers and tables look to people, at the places where units change. */
import { describe, expect, it } from 'vitest';
import {
  countOf,
  formatBytes,
  formatCount,
  formatRate,
  formatSeconds,
  shortId,
} from '../../src/cli/format.js';
import { renderTable } from '../../src/cli/table.js';

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 KB'],
    [1540, '1.5 KB'],
    [999_949, '999.9 KB'],
    [999_950, '1 MB'],
    [64_000_000, '64 MB'],
    [1_299_341_448, '1.3 GB'],
    [2 ** 53, '9 PB'],
    [5e20, '500000 PB'],
  ])('%d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('makes rates', () => {
    expect(formatRate(12_500_000)).toBe('12.5 MB/s');
  });
});

describe('formatSeconds', () => {
  it.each([
    [0, '0 s'],
    [0.44, '0.4 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.6, '1 min'],
    [125, '2 min 5 s'],
    [3600, '1 h'],
    [3780, '1 h 3 min'],
    [187_200, '2 d 4 h'],
  ])('%d', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('counts and ids', () => {
  it('groups thousands', () => {
    expect([0, 999, 1000, 78_579, 1_299_341_448].map(formatCount)).toEqual([
      '0',
      '999',
      '1,000',
      '78,579',
      '1,299,341,448',
    ]);
  });

  it('agrees with the number', () => {
    expect([countOf(1, 'file'), countOf(0, 'file'), countOf(2, 'directory', 'directories')]).toEqual([
      '1 file',
      '0 files',
      '2 directories',
    ]);
  });

  it('shortens ids', () => {
    expect(shortId('0123456789abcdef')).toBe('0123456789ab');
  });
});

describe('renderTable', () => {
  it('pads columns, numbers to the right, nothing at the end of a line', () => {
    const columns = [{ title: 'step' }, { title: 'bytes', align: 'right' as const }, { title: 'ok' }];
    expect(
      renderTable(columns, [
        ['édit 🦈', '1 KB', 'yes'],
        ['a', '64.2 MB', ''],
      ]),
    ).toEqual(['step      bytes  ok', 'édit 🦈     1 KB  yes', 'a       64.2 MB']);
  });

  it('shows titles alone when there is no row', () => {
    expect(renderTable([{ title: 'a' }, { title: 'b' }], [])).toEqual(['a  b']);
  });
});
