/**
 * Shows which address is dialled when: the order of hands, the back-off, the bounds against peers that invent
 * addresses, and the merging of addresses whose device becomes known. Driven by hand, with fixed chance.
 */
import { describe, expect, test } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from '../../src/gossip/address.js';
import { addressesPerDeviceMax, backOffMs } from '../../src/gossip/contact.js';
import { addressesMax, ContactBook, dialsMax } from '../../src/gossip/contact-book.js';
import { castMember } from './cast.js';

const device = castMember(1).device;
const everybody = (): boolean => true;
const newBook = (): ContactBook => new ContactBook(() => 0);

/** Fails every dial from `now` on and lists what was dialled, with the time. */
function dialsUntil(book: ContactBook, end: number): { at: number; address: string }[] {
  const dials: { at: number; address: string }[] = [];
  let now = 0;
  while (now <= end) {
    for (const { address } of book.startDials(everybody, now)) {
      dials.push({ at: now, address });
      book.dialFailed(address, now);
    }
    now = Math.max(now + 1, book.nextDeadline(everybody, now));
  }
  return dials;
}

describe('contact book', () => {
  test('first hand is tried before second hand, and what failed least comes first', () => {
    const book = newBook();
    book.add({ device, address: 'second:1' }, 'second', 0);
    book.add({ device, address: 'first:1' }, 'first', 0);
    expect(dialsUntil(book, 3_000).map(({ address }) => address)).toEqual([
      'first:1',
      'second:1',
      'first:1',
      'second:1',
      'first:1',
    ]);
  });

  test('the back-off doubles to its bound, and chance adds at most a half', () => {
    expect([0, 1, 2, 6, 7, 50].map((round) => backOffMs(round, 0))).toEqual([
      500, 1_000, 2_000, 32_000, 40_000, 40_000,
    ]);
    expect(backOffMs(50, 1)).toBe(60_000);
    const book = newBook();
    book.add({ device, address: 'a:1' }, 'first', 0);
    const times = dialsUntil(book, 20_000).map(({ at }) => at);
    expect(times).toEqual([0, 500, 1_500, 3_500, 7_500, 15_500]);
  });

  test('sessions that end at once do not end the back-off', () => {
    const book = newBook();
    book.add({ device, address: 'a:1' }, 'first', 0);
    const delays: number[] = [];
    let now = 0;
    for (let round = 0; round < 5; round++) {
      book.startDials(everybody, now);
      book.reached({ device, address: 'a:1' }, now);
      book.lost(device, 100, now);
      const next = book.nextDeadline(everybody, now);
      delays.push(next - now);
      now = next;
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  });

  test('a dial without an outcome counts as failed after a while', () => {
    const book = newBook();
    book.add({ device, address: 'a:1' }, 'first', 0);
    book.startDials(everybody, 0);
    expect(book.startDials(everybody, 10_000)).toEqual([]);
    const deadline = book.nextDeadline(everybody, 0);
    expect(book.expireDials(deadline)).toHaveLength(1);
    expect(book.startDials(everybody, deadline + 500)).toHaveLength(1);
  });

  test('what peers invent pushes out neither what works nor what was configured', () => {
    const book = newBook();
    book.configure('configured:1', device, 0);
    book.add({ device, address: 'first:1' }, 'first', 0, true);
    for (let port = 1; port <= 100; port++) book.add({ device, address: `invented:${port}` }, 'second', 0);
    const contact = book.get(device);
    expect(contact?.addressCount).toBe(addressesPerDeviceMax);
    expect(contact?.has('configured:1') && contact.has('first:1')).toBe(true);
  });

  test('all addresses together are bounded, and so are the dials at a time', () => {
    const book = newBook();
    for (let index = 0; index < 500; index++)
      book.add({ device: castMember(index % 100).device, address: `host:${index + 1}` }, 'second', 0);
    const count = book.all().reduce((sum, contact) => sum + contact.addressCount, 0);
    expect(count).toBe(addressesMax);
    expect(book.startDials(everybody, 0)).toHaveLength(dialsMax);
    expect(() => book.configure('one-more:1', undefined, 0)).toThrow(
      expect.objectContaining({ code: 'LIMIT' }),
    );
  });

  test('one address is not dialled for two devices at a time', () => {
    const book = newBook();
    for (const index of [1, 2]) book.add({ device: castMember(index).device, address: 'a:1' }, 'first', 0);
    expect(book.startDials(everybody, 0)).toHaveLength(1);
  });

  test('a configured address joins its device when that answers there', () => {
    const book = newBook();
    book.configure('nas:1', undefined, 0);
    book.startDials(everybody, 0);
    book.reached({ device, address: 'nas:1' }, 0);
    expect(book.all()).toHaveLength(1);
    expect(book.get(device)?.provenAddresses(2)).toEqual(['nas:1']);
  });

  test('an address of our own is forgotten for good', () => {
    const book = newBook();
    book.configure('here:1', undefined, 0);
    book.forgetOwn('here:1');
    book.configure('here:1', undefined, 0);
    expect(book.all()).toEqual([]);
  });
});

describe('addresses', () => {
  test.each([
    ['10.0.0.2:22001', '10.0.0.2', 22001],
    ['NAS.local:1', 'nas.local', 1],
    ['[fe80::1]:65535', '[fe80::1]', 65535],
  ])('%s', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(text.toLowerCase());
  });

  test.each([
    '',
    'host',
    'host:',
    ':1',
    'host:0',
    'host:65536',
    'host:01',
    'a b:1',
    'fe80::1:1',
    'h\n:1',
    '-h:1',
  ])('%j is no address', (text) => expect(parseAddress(text)).toBeUndefined());

  test.each([
    ['localhost', true],
    ['127.0.1.1', true],
    ['[::1]', true],
    ['10.0.0.1', false],
    ['[fe80::1]', false],
  ])('%s means this machine: %s', (host, expected) => expect(isLoopback(host)).toBe(expected));
});
