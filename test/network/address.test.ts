/** Shows which texts are addresses. */
import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from '../../src/network/index.js';

test.each([
  ['127.0.0.1:22001', '127.0.0.1', 22001],
  ['nas.local:1', 'nas.local', 1],
  ['[::1]:65535', '::1', 65535],
  ['[fe80::1:2]:80', 'fe80::1:2', 80],
])('%s', (text, host, port) => {
  expect(parseAddress(text)).toEqual({ host, port });
  expect(formatAddress({ host, port })).toBe(text);
});

test.each([
  '',
  ':1',
  'a',
  'a:',
  'a:0',
  'a:65536',
  'a:-1',
  'a:1e3',
  '::1:80',
  '[a]:1',
  '[1.2.3.4]:1',
  '[::1]',
  'a b:1',
  'a\n:1',
  `${'a'.repeat(254)}:1`,
])('%j is none', (text) => {
  expect(() => parseAddress(text)).toThrow(/is no address/);
});
