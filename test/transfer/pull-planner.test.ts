/**
 * Shows the rules of the plan one by one: order, batches, credit, and what happens on absent, wrong bytes, silence,
 * lost sessions and forgotten wants. What they give together is in `pull-model.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import { type ChunkId, parseChunkId } from '../../src/chunking/index.js';
import {
  creditBytesMax,
  creditIdsMax,
  idsPerMessageMax,
  type PullEffect,
  type PullEvent,
  PullPlanner,
  stalledAfterMs,
  unreachableAfterMs,
  wantedMax,
} from '../../src/transfer/index.js';

type Source = 'a' | 'b' | 'c';

const id = (number: number): ChunkId => parseChunkId(number.toString(16).padStart(64, '0'));
const ids = (...numbers: number[]): ChunkId[] => numbers.map(id);
const range = (count: number, from = 0): ChunkId[] =>
  Array.from({ length: count }, (_, index) => id(from + index));

/** A planner with a clock that stands until it is moved. */
class Bench {
  readonly planner = new PullPlanner<Source>();
  now = 0;

  constructor(...up: Source[]) {
    for (const source of up) this.handle({ type: 'source-up', source });
  }

  handle(event: PullEvent<Source>): PullEffect<Source>[] {
    return this.planner.handle(event, this.now);
  }

  want(wanted: ChunkId[], sources: Source[], bytes = 1_000): PullEffect<Source>[] {
    return this.handle({ type: 'want', items: wanted.map((item) => ({ id: item, bytes })), sources });
  }

  arrived(source: Source, item: ChunkId): PullEffect<Source>[] {
    return this.handle({ type: 'arrived', source, id: item, bytes: 500 });
  }

  outstandingBytes(source: Source): number {
    return this.planner.sources().find((view) => view.source === source)?.outstandingBytes ?? 0;
  }
}

const requestedOf = (effects: PullEffect<Source>[], source: Source): ChunkId[] =>
  effects.flatMap((effect) => (effect.type === 'request' && effect.source === source ? effect.ids : []));
const unobtainable = (effects: PullEffect<Source>[]): ChunkId[] =>
  effects.flatMap((effect) => (effect.type === 'unobtainable' ? effect.ids : []));

describe('order and credit', () => {
  test('ids are asked for in the order of want, at most 256 in a message', () => {
    const bench = new Bench('a');
    const effects = bench.want(range(600), ['a']);
    expect(effects.map((effect) => effect.type === 'request' && effect.ids.length)).toEqual([256, 256, 88]);
    expect(requestedOf(effects, 'a')).toEqual(range(600));
  });

  test('nothing is asked of a source before it is up', () => {
    const bench = new Bench();
    expect(bench.want(ids(1), ['a'])).toEqual([]);
    expect(requestedOf(bench.handle({ type: 'source-up', source: 'a' }), 'a')).toEqual(ids(1));
  });

  test('the credit is never exceeded, and more is asked when a batch of it is free', () => {
    const bench = new Bench('a');
    const bytes = 96 * 1024;
    const fitting = Math.floor(creditBytesMax / bytes);
    const first = requestedOf(bench.want(range(200), ['a'], bytes), 'a');
    expect(first).toEqual(range(fitting));
    const later: ChunkId[] = [];
    const sizes: number[] = [];
    for (const item of first) {
      const more = requestedOf(bench.arrived('a', item), 'a');
      if (more.length > 0) sizes.push(more.length);
      later.push(...more);
      expect(bench.outstandingBytes('a')).toBeLessThanOrEqual(creditBytesMax);
    }
    expect(later).toEqual(range(later.length, fitting));
    expect(later.length).toBeGreaterThan(fitting - 20);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(10);
  });

  test('small chunks are bounded by count', () => {
    const bench = new Bench('a');
    expect(requestedOf(bench.want(range(5_000), ['a'], 1), 'a')).toHaveLength(creditIdsMax);
  });

  test('the rarest is asked for first', () => {
    const bench = new Bench();
    bench.want(ids(1, 2), ['a', 'b']);
    bench.want(ids(3), ['a']);
    expect(requestedOf(bench.handle({ type: 'source-up', source: 'b' }), 'b')).toEqual(ids(1, 2));
    const other = new Bench('b');
    other.want(range(creditIdsMax, 100), ['b'], 1);
    other.want(ids(1, 2), ['a', 'b']);
    other.want(ids(3), ['a']);
    expect(requestedOf(other.handle({ type: 'source-up', source: 'a' }), 'a')).toEqual(ids(3, 1, 2));
  });

  test('two sources share what both have, the less loaded one first', () => {
    const bench = new Bench('a', 'b');
    const effects = bench.want(range(10), ['a', 'b']);
    expect(requestedOf(effects, 'a')).toHaveLength(5);
    expect(requestedOf(effects, 'b')).toHaveLength(5);
    const loaded = new Bench('a', 'b');
    loaded.want(range(20, 100), ['a']);
    expect(requestedOf(loaded.want(range(10), ['a', 'b']), 'b')).toEqual(range(10));
  });

  test('an id that is wanted twice is asked for once; a new source is remembered', () => {
    const bench = new Bench('a', 'b');
    bench.want(ids(1), ['a']);
    expect(bench.want(ids(1), ['b'])).toEqual([]);
    const effects = bench.handle({ type: 'absent', source: 'a', ids: ids(1) });
    expect(requestedOf(effects, 'b')).toEqual(ids(1));
  });
});

describe('what goes wrong', () => {
  test('absent: the next source is asked, after the last one the id is unobtainable', () => {
    const bench = new Bench('a', 'b');
    bench.want(range(2), ['a', 'b']);
    expect(requestedOf(bench.handle({ type: 'absent', source: 'a', ids: ids(0) }), 'b')).toEqual(ids(0));
    expect(unobtainable(bench.handle({ type: 'absent', source: 'b', ids: ids(0) }))).toEqual(ids(0));
    expect(bench.planner.outstanding).toBe(1);
  });

  test('absent for what was never asked changes nothing', () => {
    const bench = new Bench('a', 'b');
    bench.want(range(2), ['a', 'b']);
    expect(bench.handle({ type: 'absent', source: 'b', ids: ids(0, 77) })).toEqual([]);
    expect(bench.planner.outstanding).toBe(2);
  });

  test('wrong bytes: asked elsewhere; after three the source is distrusted for good and asked nothing more', () => {
    const bench = new Bench('a');
    bench.want(range(5), ['a', 'b']);
    bench.handle({ type: 'wrong', source: 'a', id: id(0) });
    bench.handle({ type: 'wrong', source: 'a', id: id(1) });
    const third = bench.handle({ type: 'wrong', source: 'a', id: id(2) });
    expect(third).toEqual([{ type: 'distrust', source: 'a' }]);
    expect(bench.outstandingBytes('a')).toBe(0);
    bench.handle({ type: 'source-down', source: 'a' });
    expect(bench.handle({ type: 'source-up', source: 'a' })).toEqual([]);
    expect(requestedOf(bench.handle({ type: 'source-up', source: 'b' }), 'b')).toEqual(range(5));
  });

  test('a source that goes down: what it was asked for is asked of another', () => {
    const bench = new Bench('a');
    bench.want(range(3), ['a', 'b']);
    bench.arrived('a', id(0));
    bench.handle({ type: 'source-up', source: 'b' });
    expect(requestedOf(bench.handle({ type: 'source-down', source: 'a' }), 'b')).toEqual(ids(1, 2));
  });

  test('without any other source there is hope for a while, then it is unobtainable', () => {
    const bench = new Bench('a');
    bench.want(range(3), ['a']);
    expect(bench.handle({ type: 'source-down', source: 'a' })).toEqual([]);
    bench.now = unreachableAfterMs - 1;
    expect(bench.handle({ type: 'tick' })).toEqual([]);
    bench.now++;
    expect(unobtainable(bench.handle({ type: 'tick' }))).toEqual(range(3));
    expect(bench.planner.waiting).toBe(0);
  });

  test('a source that comes back in time is asked again', () => {
    const bench = new Bench('a');
    bench.want(range(3), ['a']);
    bench.handle({ type: 'source-down', source: 'a' });
    bench.now = unreachableAfterMs - 1;
    expect(requestedOf(bench.handle({ type: 'source-up', source: 'a' }), 'a')).toEqual(range(3));
  });

  test('nobody named: unobtainable at once', () => {
    expect(unobtainable(new Bench('a').want(ids(1), []))).toEqual(ids(1));
  });

  test('a silent source is reported as stalled once, and again only after it has sent something', () => {
    const bench = new Bench('a');
    bench.want(range(3), ['a']);
    const tickAfter = (ms: number): PullEffect<Source>[] => {
      bench.now += ms;
      return bench.handle({ type: 'tick' });
    };
    expect(tickAfter(stalledAfterMs - 1)).toEqual([]);
    expect(tickAfter(1)).toEqual([{ type: 'stalled', source: 'a' }]);
    expect(tickAfter(stalledAfterMs)).toEqual([]);
    bench.arrived('a', id(0));
    expect(tickAfter(stalledAfterMs)).toEqual([{ type: 'stalled', source: 'a' }]);
  });

  test('a source that is asked nothing never stalls', () => {
    const bench = new Bench('a');
    bench.now = 10 * stalledAfterMs;
    expect(bench.handle({ type: 'tick' })).toEqual([]);
    bench.want(ids(1), ['a']);
    expect(bench.handle({ type: 'tick' })).toEqual([]);
  });
});

describe('forgetting', () => {
  test('what is forgotten is not asked for; what was asked for keeps its credit until it is answered', () => {
    const bench = new Bench('a');
    bench.want(range(3), ['a']);
    bench.want(range(2, 10), ['b']);
    bench.handle({ type: 'forget', ids: [...range(3), ...range(2, 10)] });
    expect(bench.planner.waiting).toBe(0);
    expect(bench.outstandingBytes('a')).toBe(3_000);
    bench.arrived('a', id(0));
    bench.handle({ type: 'absent', source: 'a', ids: ids(1, 2) });
    expect(bench.outstandingBytes('a')).toBe(0);
    expect(bench.handle({ type: 'source-up', source: 'b' })).toEqual([]);
  });

  test('wanted again while the answer is on the way: not asked for a second time', () => {
    const bench = new Bench('a', 'b');
    bench.want(ids(1), ['a']);
    bench.handle({ type: 'forget', ids: ids(1) });
    expect(bench.want(ids(1), ['b'])).toEqual([]);
    expect(requestedOf(bench.handle({ type: 'source-down', source: 'a' }), 'b')).toEqual(ids(1));
  });

  test('a chunk that comes unasked counts as had', () => {
    const bench = new Bench('a');
    bench.want(ids(1), ['b']);
    bench.arrived('a', id(1));
    expect(bench.handle({ type: 'source-up', source: 'b' })).toEqual([]);
  });
});

describe('bounds', () => {
  test('too many ids or sources are refused and change nothing', () => {
    const planner = new PullPlanner<string>();
    const items = range(wantedMax).map((item) => ({ id: item, bytes: 1 }));
    planner.handle({ type: 'want', items, sources: ['x'] }, 0);
    const limit = expect.objectContaining({ code: 'LIMIT' });
    const one = { id: id(wantedMax), bytes: 1 };
    expect(() => planner.handle({ type: 'want', items: [one], sources: ['x'] }, 0)).toThrow(limit);
    const sources = Array.from({ length: 300 }, (_, index) => `source ${index}`);
    expect(() => planner.handle({ type: 'want', items: [], sources }, 0)).toThrow(limit);
    expect(planner.waiting).toBe(wantedMax);
    expect(planner.sources()).toHaveLength(1);
  });

  test('sources that come and go leave nothing behind', () => {
    const planner = new PullPlanner<string>();
    for (let index = 0; index < 2_000; index++) {
      planner.handle({ type: 'source-up', source: `source ${index}` }, 0);
      planner.handle({ type: 'source-down', source: `source ${index}` }, 0);
    }
    expect(planner.sources().length).toBeLessThanOrEqual(256);
  });

  test('a message never holds more ids than the wire allows', () => {
    const effects = new Bench('a').want(range(creditIdsMax), ['a'], 1);
    for (const effect of effects)
      if (effect.type === 'request') expect(effect.ids.length).toBeLessThanOrEqual(idsPerMessageMax);
  });
});
