/**
 * Shows the order of heads: that a table ends with the same head in whatever order the heads of an honest device come,
 * and what it does with replays, two heads under one sequence, left actors and absurd sequences.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HeadTable } from '../../src/gossip/head-table.js';
import { OwnHead } from '../../src/gossip/own-head.js';
import { castMember, headOf } from './cast.js';

const member = castMember(1);

describe('head table', () => {
  test('the newest head wins in every order: sequences rise, and a new actor comes with a later time', () => {
    // An honest history: its times rise, also where the actor changes.
    const history = [
      headOf(member, { actor: 5, sequence: 1, time: 10 }),
      headOf(member, { actor: 5, sequence: 2, time: 20 }),
      headOf(member, { actor: 3, sequence: 1, time: 30 }),
      headOf(member, { actor: 3, sequence: 9, time: 40 }),
      headOf(member, { actor: 4, sequence: 1, time: 50 }),
    ];
    const orders = fc.shuffledSubarray(history, { minLength: history.length });
    fc.assert(
      fc.property(orders, (heads) => {
        const table = new HeadTable();
        for (const head of heads) table.accept(head);
        expect(table.get(member.device)).toBe(history.at(-1));
      }),
    );
  });

  test('an old head changes nothing, and a replay of the newest is the same', () => {
    const table = new HeadTable();
    const newest = headOf(member, { sequence: 3 });
    expect(table.accept(newest)).toBe('advanced');
    expect(table.accept(headOf(member, { sequence: 2 }))).toBe('older');
    expect(table.accept(headOf(member, { sequence: 3 }))).toBe('same');
    expect(table.get(member.device)).toBe(newest);
  });

  test('two heads under one sequence freeze the actor, a new actor thaws the device', () => {
    const table = new HeadTable();
    const first = headOf(member, { sequence: 3, content: 'one' });
    const second = headOf(member, { sequence: 3, content: 'another' });
    table.accept(first);
    expect(table.accept(second)).toBe('equivocation');
    expect(table.evidence(member.device)).toBe(second);
    expect(table.accept(second)).toBe('rejected');
    expect(table.accept(headOf(member, { sequence: 4 }))).toBe('rejected');
    expect(table.get(member.device)).toBe(first);

    expect(table.accept(headOf(member, { actor: 2, sequence: 1, time: 4 }))).toBe('advanced');
    expect(table.evidence(member.device)).toBeUndefined();
  });

  test('an actor that was left is never taken up again, however late it signs', () => {
    const table = new HeadTable();
    table.accept(headOf(member, { actor: 1, sequence: 5, time: 100 }));
    const current = headOf(member, { actor: 2, sequence: 1, time: 200 });
    table.accept(current);
    expect(table.accept(headOf(member, { actor: 1, sequence: 6, time: 300 }))).toBe('former-actor');
    expect(table.accept(headOf(member, { actor: 1, sequence: 5, time: 100 }))).toBe('older');
    expect(table.get(member.device)).toBe(current);
  });

  test('sequences that no honest device can reach are rejected', () => {
    const table = new HeadTable();
    expect(table.accept(headOf(member, { sequence: 2 ** 40 + 1 }))).toBe('rejected');
    table.accept(headOf(member, { sequence: 5 }));
    expect(table.accept(headOf(member, { sequence: 2 ** 40 + 6 }))).toBe('rejected');
    expect(table.accept(headOf(member, { sequence: 2 ** 53 - 1 }))).toBe('rejected');
    expect(table.accept(headOf(member, { sequence: 2 ** 40 + 5 }))).toBe('advanced');
  });
});

describe('own head', () => {
  test('each later head of this device is news once', () => {
    const own = new OwnHead(headOf(member, { sequence: 5, time: 50 }));
    const later = headOf(member, { sequence: 8, time: 80 });
    expect(own.showsFutureState(headOf(member, { sequence: 5, time: 50 }))).toBe(false);
    expect(own.showsFutureState(headOf(member, { sequence: 4, time: 40 }))).toBe(false);
    expect(own.showsFutureState(later)).toBe(true);
    expect(own.showsFutureState(later)).toBe(false);

    own.advance(headOf(member, { actor: 2, sequence: 1, time: 81 }));
    expect(own.showsFutureState(later)).toBe(false);
    expect(own.showsFutureState(headOf(member, { actor: 1, sequence: 9, time: 90 }))).toBe(true);
  });

  test('another head under the own sequence is a later state too', () => {
    const own = new OwnHead(headOf(member, { sequence: 5, content: 'one' }));
    expect(own.showsFutureState(headOf(member, { sequence: 5, content: 'another' }))).toBe(true);
  });

  test('a device that has lost all learns it from any head of its own', () => {
    const own = new OwnHead(undefined);
    expect(own.showsFutureState(headOf(member, { sequence: 1 }))).toBe(true);
  });

  test('the own head cannot go back, and may be told twice', () => {
    const own = new OwnHead(undefined);
    expect(own.advance(headOf(member, { sequence: 2 }))).toBe(true);
    expect(own.advance(headOf(member, { sequence: 2 }))).toBe(false);
    expect(() => own.advance(headOf(member, { sequence: 1 }))).toThrow(/forward/);
  });
});
