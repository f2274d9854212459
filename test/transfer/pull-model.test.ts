/**
 * Shows that the plan comes to an end whatever the sources do: fake sources answer late, say absent, send wrong
 * bytes, fall silent and lose their sessions, and every wanted id is at last had, forgotten or unobtainable. After each
 * step the rules are checked against plain books kept beside the planner. A failure prints the seed of fast-check.
 */

import assert from 'node:assert';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChunkId, parseChunkId } from '../../src/chunking/index.js';
import {
  creditBytesMax,
  creditIdsMax,
  idsPerMessageMax,
  type PullEffect,
  type PullEvent,
  PullPlanner,
  wrongChunksMax,
} from '../../src/transfer/index.js';

const sourceNames = ['a', 'b', 'c', 'd'] as const;
type Source = (typeof sourceNames)[number];
const idOf = (number: number): ChunkId => parseChunkId(number.toString(16).padStart(64, '0'));

/** What a source does with a question. */
type Habit = 'gives' | 'lacks' | 'lies' | 'silent';

interface FakeSource {
  up: boolean;
  wrongCount: number;
  readonly habitOf: (id: ChunkId) => Habit;
  /** Asked and not answered, with the bytes. */
  readonly asked: Map<ChunkId, number>;
}

/** The planner and the books beside it. */
class Model {
  readonly planner = new PullPlanner<Source>();
  readonly sources: Map<Source, FakeSource>;
  /** Wanted and neither had, forgotten nor given up: who was named. */
  readonly wanted = new Map<ChunkId, Set<Source>>();
  readonly had = new Set<ChunkId>();
  readonly unobtainable = new Set<ChunkId>();
  readonly bytes = new Map<ChunkId, number>();
  now = 0;

  constructor(habits: (source: Source, id: ChunkId) => Habit) {
    this.sources = new Map(
      sourceNames.map((name) => [
        name,
        { up: false, wrongCount: 0, habitOf: (id) => habits(name, id), asked: new Map() },
      ]),
    );
  }

  source(name: Source): FakeSource {
    const source = this.sources.get(name);
    if (source === undefined) throw new Error(`no source ${name}`);
    return source;
  }

  handle(event: PullEvent<Source>): void {
    for (const effect of this.planner.handle(event, this.now)) this.#perform(effect);
    this.#checkBooks();
  }

  want(numbers: readonly number[], sources: readonly Source[], bytes: number): void {
    const items = numbers.map((number) => ({
      id: idOf(number),
      bytes: this.bytes.get(idOf(number)) ?? bytes,
    }));
    for (const item of items) {
      this.bytes.set(item.id, item.bytes);
      this.wanted.set(item.id, new Set([...(this.wanted.get(item.id) ?? []), ...sources]));
    }
    this.handle({ type: 'want', items, sources });
  }

  toggle(name: Source): void {
    const source = this.source(name);
    source.up = !source.up;
    source.asked.clear();
    this.handle({ type: source.up ? 'source-up' : 'source-down', source: name });
  }

  /** The source answers its oldest question, by its habit. @returns whether it did */
  answer(name: Source): boolean {
    const source = this.source(name);
    for (const [id, bytes] of source.asked) {
      const habit = source.habitOf(id);
      if (habit === 'silent') continue;
      source.asked.delete(id);
      if (habit === 'gives') {
        this.wanted.delete(id);
        this.had.add(id);
        this.handle({ type: 'arrived', source: name, id, bytes });
      } else if (habit === 'lacks') {
        this.handle({ type: 'absent', source: name, ids: [id] });
      } else {
        source.wrongCount++;
        this.handle({ type: 'wrong', source: name, id });
      }
      return true;
    }
    return false;
  }

  forget(number: number): void {
    this.wanted.delete(idOf(number));
    this.handle({ type: 'forget', ids: [idOf(number)] });
  }

  #perform(effect: PullEffect<Source>): void {
    switch (effect.type) {
      case 'request':
        this.#take(effect.source, effect.ids);
        break;
      case 'unobtainable':
        for (const id of effect.ids) {
          assert(this.wanted.delete(id), 'only what is wanted is unobtainable');
          this.unobtainable.add(id);
        }
        break;
      case 'distrust':
        expect(this.source(effect.source).wrongCount).toBe(wrongChunksMax);
        this.source(effect.source).asked.clear();
        break;
      case 'stalled':
        expect(this.source(effect.source).asked.size).toBeGreaterThan(0);
        if (this.source(effect.source).up) this.toggle(effect.source);
        break;
    }
  }

  #take(name: Source, ids: readonly ChunkId[]): void {
    const source = this.source(name);
    assert(source.up && source.wrongCount < wrongChunksMax, 'only a source that is up and trusted is asked');
    assert(ids.length > 0 && ids.length <= idsPerMessageMax, 'a request keeps the bounds of the wire');
    for (const id of ids) {
      assert(this.wanted.get(id)?.has(name), 'a source is asked for what it was named for');
      for (const other of this.sources.values())
        assert(!other.asked.has(id), 'nothing is asked of two sources');
      source.asked.set(id, this.bytes.get(id) ?? 0);
    }
  }

  #checkBooks(): void {
    let outstanding = 0;
    for (const view of this.planner.sources()) {
      const { asked } = this.source(view.source);
      let bytes = 0;
      for (const each of asked.values()) bytes += each;
      assert.equal(view.outstanding, asked.size);
      assert.equal(view.outstandingBytes, bytes);
      assert(bytes <= creditBytesMax && asked.size <= creditIdsMax, 'the credit is never exceeded');
      outstanding += asked.size;
    }
    assert.equal(this.planner.outstanding, outstanding);
    assert(this.planner.waiting <= this.wanted.size, 'only what is wanted waits');
  }

  /** Lets all sources answer and time pass until nothing is wanted. */
  finish(): void {
    for (const [name, source] of this.sources) if (!source.up) this.toggle(name);
    for (let round = 0; round < 200 && this.wanted.size > 0; round++) {
      for (const name of sourceNames) while (this.answer(name));
      this.now += 5_000;
      this.handle({ type: 'tick' });
    }
  }
}

const actions = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('want' as const),
      from: fc.nat({ max: 300 }),
      count: fc.integer({ min: 1, max: 120 }),
      sources: fc.subarray([...sourceNames]),
      bytes: fc.constantFrom(1, 5_000, 98_304),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('answer' as const), source: fc.constantFrom(...sourceNames) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('toggle' as const), source: fc.constantFrom(...sourceNames) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), number: fc.nat({ max: 400 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 40_000 }) }) },
);

function perform(
  model: Model,
  action: typeof actions extends fc.Arbitrary<infer Action> ? Action : never,
): void {
  switch (action.do) {
    case 'want': {
      const numbers = Array.from({ length: action.count }, (_, index) => action.from + index);
      model.want(numbers, action.sources, action.bytes);
      break;
    }
    case 'answer':
      model.answer(action.source);
      break;
    case 'toggle':
      model.toggle(action.source);
      break;
    case 'forget':
      model.forget(action.number);
      break;
    case 'wait':
      model.now += action.ms;
      model.handle({ type: 'tick' });
      break;
  }
}

/** A fixed habit for each source and id, drawn from `table`. */
function habitsFrom(table: readonly Habit[]): (source: Source, id: ChunkId) => Habit {
  return (source, id) =>
    table[(Number.parseInt(id.slice(-4), 16) * 7 + sourceNames.indexOf(source) * 3) % table.length] ??
    'gives';
}

test('every wanted id ends as had, forgotten or unobtainable, and the rules hold at each step', () => {
  const habitTables = fc.array(
    fc.constantFrom<Habit>('gives', 'gives', 'gives', 'gives', 'lacks', 'lies', 'silent'),
    { minLength: 1, maxLength: 11 },
  );
  fc.assert(
    fc.property(habitTables, fc.array(actions, { maxLength: 60 }), (table, list) => {
      const model = new Model(habitsFrom(table));
      for (const action of list) perform(model, action);
      model.finish();
      expect(model.wanted.size).toBe(0);
      expect(model.planner.waiting).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('with one honest source that has all, everything is had, whatever the others do', () => {
  const habitTables = fc.array(fc.constantFrom<Habit>('gives', 'lacks', 'lies', 'silent'), {
    minLength: 1,
    maxLength: 9,
  });
  fc.assert(
    fc.property(habitTables, fc.integer({ min: 1, max: 250 }), (table, count) => {
      const others = habitsFrom(table);
      const model = new Model((source, id) => (source === 'a' ? 'gives' : others(source, id)));
      model.want([...Array(count).keys()], sourceNames, 98_304);
      model.finish();
      expect(model.unobtainable.size).toBe(0);
      expect(model.had.size).toBe(count);
    }),
    { numRuns: 40 },
  );
});

test('equal histories give equal plans', () => {
  const run = (): string => {
    const planner = new PullPlanner<Source>();
    const effects: PullEffect<Source>[] = [];
    const handle = (event: PullEvent<Source>): void => {
      effects.push(...planner.handle(event, 0));
    };
    for (const source of sourceNames) handle({ type: 'source-up', source });
    const items = Array.from({ length: 500 }, (_, index) => ({ id: idOf(index), bytes: 60_000 }));
    handle({ type: 'want', items, sources: ['c', 'a'] });
    handle({ type: 'want', items: items.slice(100), sources: ['d'] });
    handle({ type: 'source-down', source: 'a' });
    return JSON.stringify(effects);
  };
  expect(run()).toBe(run());
});
