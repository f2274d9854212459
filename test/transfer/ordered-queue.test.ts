/** Shows that the queue agrees with a sorted list under any mix of pushes and removals. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OrderedQueue, outside } from '../../src/transfer/ordered-queue.js';

interface Item {
  readonly order: number;
  place: number;
}

test('the first item is always the one of lowest order', () => {
  const steps = fc.array(fc.record({ push: fc.boolean(), pick: fc.nat() }), { minLength: 100, maxLength: 300 });
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.nat({ max: 1_000 })), (actions, orders) => {
      const queue = new OrderedQueue<Item>();
      const naive: Item[] = [];
      for (const { push, pick } of actions) {
        if (push || naive.length === 0) {
          const item = { order: orders.next().value, place: outside };
          queue.push(item);
          naive.push(item);
        } else {
          const [item] = naive.splice(pick % naive.length, 1);
          if (item !== undefined) queue.remove(item);
          expect(item?.place).toBe(outside);
        }
        expect(queue.size).toBe(naive.length);
        expect(queue.first()?.order).toBe(
          naive.length === 0 ? undefined : Math.min(...naive.map(({ order }) => order)),
        );
        expect(new Set(queue)).toEqual(new Set(naive));
      }
    }),
  );
});

test('an item cannot be in twice, nor leave a queue it is not in', () => {
  const queue = new OrderedQueue<Item>();
  const item = { order: 1, place: outside };
  queue.push(item);
  expect(() => queue.push(item)).toThrow(/one queue/);
  queue.remove(item);
  expect(() => queue.remove(item)).toThrow(/only an item/);
});
