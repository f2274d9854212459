/** Version vectors form a lattice, and an operation over an entry leaves one head: itself. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compareVersions,
  deleteEntry,
  joinVersions,
  supersede,
  type Version,
  versionIncludes,
  withDot,
} from '../../src/manifest/index.js';
import { runs } from '../support/seed.js';
import { actor, content, path } from './memory-nodes.js';

const someVersion: fc.Arbitrary<Version> = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })), { maxLength: 4 })
  .map((pairs) => new Map(pairs.map(([n, counter]) => [actor(n), counter])));

describe('versions', () => {
  it('join to the least version that includes both', () => {
    fc.assert(
      fc.property(someVersion, someVersion, someVersion, (a, b, c) => {
        const joined = joinVersions(a, b);
        expect(['equal', 'before']).toContain(compareVersions(a, joined));
        expect(['equal', 'before']).toContain(compareVersions(b, joined));
        expect(compareVersions(joined, joinVersions(b, a))).toBe('equal');
        expect(compareVersions(joinVersions(joined, c), joinVersions(a, joinVersions(b, c)))).toBe('equal');
        const isAbove = (below: Version): boolean => ['equal', 'before'].includes(compareVersions(below, c));
        expect(isAbove(a) && isAbove(b)).toBe(isAbove(joined));
      }),
      runs(500),
    );
  });

  it('compare both ways round', () => {
    const mirrored = { equal: 'equal', before: 'after', after: 'before', concurrent: 'concurrent' };
    fc.assert(
      fc.property(someVersion, someVersion, (a, b) => {
        expect(compareVersions(b, a)).toBe(mirrored[compareVersions(a, b)]);
      }),
      runs(500),
    );
    expect(compareVersions(new Map([[actor(1), 1]]), new Map([[actor(2), 1]]))).toBe('concurrent');
  });

  it('include a dot once it was added, and all before it of that actor', () => {
    const version = withDot(new Map(), { actor: actor(1), counter: 3 });
    expect([2, 3, 4].map((counter) => versionIncludes(version, { actor: actor(1), counter }))).toEqual([
      true,
      true,
      false,
    ]);
    expect(versionIncludes(version, { actor: actor(2), counter: 1 })).toBe(false);
    expect(withDot(version, { actor: actor(1), counter: 2 })).toBe(version);
  });
});

describe('an operation over an entry', () => {
  const first = supersede(undefined, path('a'), content('x'), { actor: actor(2), counter: 7, mtimeNs: 1n });

  it('leaves itself as the only head', () => {
    expect(first.overtaken).toBeUndefined();
    const second = supersede(first, path('a'), content('y'), { actor: actor(1), counter: 1, mtimeNs: 2n });
    expect(second).toMatchObject({
      overtaken: [actor(2)],
      writes: [{ actor: actor(1), counter: 1, mtimeNs: 2n }],
    });
    const third = deleteEntry(second, { actor: actor(2), counter: 8 });
    expect(third).toMatchObject({ kind: 'deleted', overtaken: [actor(1)] });
    expect([...third.version]).toEqual([
      [actor(2), 8],
      [actor(1), 1],
    ]);
  });

  it('keeps what the entry is a conflict copy of, and cannot use a dot twice', () => {
    const copy = { ...first, conflictOf: path('b') };
    const edited = supersede(copy, path('a'), content('y'), { actor: actor(2), counter: 8, mtimeNs: 1n });
    expect(edited).toMatchObject({ conflictOf: 'b' });
    expect(() =>
      supersede(first, path('a'), content('y'), { actor: actor(2), counter: 7, mtimeNs: 1n }),
    ).toThrow('twice');
    expect(() => deleteEntry(first, { actor: actor(2), counter: 6 })).toThrow('twice');
  });
});
