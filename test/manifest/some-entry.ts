/** Random entries within all bounds, for the tests of the encodings. */
import fc from 'fast-check';
import {
  conflictPath,
  type Entry,
  type LiveEntry,
  type NewContent,
  parseRelPath,
  type RelPath,
  type Version,
  type Write,
} from '../../src/manifest/index.js';
import { actor, idOf } from './memory-nodes.js';

const someName = fc
  .string({
    unit: fc.constantFrom('a', 'B', '0', ' ', '\\', '\n', 'é', '\ufeff', '\u200d', '😀', '漢'),
    minLength: 1,
    maxLength: 12,
  })
  .filter((name) => name !== '.' && name !== '..');
export const somePath: fc.Arbitrary<RelPath> = fc
  .array(someName, { minLength: 1, maxLength: 5 })
  .map((names) => parseRelPath(names.join('/')));

const someCounter = fc.oneof(
  fc.integer({ min: 1, max: 30 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
);
const someTime = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 23n, 24n, -1n, -24n, -25n, 2n ** 53n, -(2n ** 53n), 1_700_000_000_123_456_789n),
);
const someActor = fc.integer({ min: 1, max: 20 }).map((n) => (n > 10 ? `f${actor(n).slice(1)}` : actor(n)));

export const someContent: fc.Arbitrary<NewContent> = fc.oneof(
  fc.constant({ kind: 'directory' as const }),
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .map((target) => ({ kind: 'symlink' as const, target })),
  fc
    .record({
      executable: fc.boolean(),
      depth: fc.nat(4),
      lengths: fc.array(fc.integer({ min: 1, max: 98_304 }), { maxLength: 16 }),
    })
    .map(({ executable, depth, lengths }) => ({
      kind: 'file' as const,
      executable,
      size: lengths.reduce((sum, length) => sum + length, 0),
      recipe: {
        depth: lengths.length === 0 ? 0 : depth,
        parts: lengths.map((length, index) => ({ id: idOf(`${index} ${length}`), length })),
      },
    })),
);

const someVersion: fc.Arbitrary<Version> = fc
  .array(fc.tuple(someActor, someCounter), { minLength: 1, maxLength: 6 })
  .map((pairs) => new Map(pairs.sort(([a], [b]) => (a < b ? -1 : 1))));

export const someEntry: fc.Arbitrary<Entry> = fc
  .record({
    path: somePath,
    version: someVersion,
    overtaken: fc.integer({ min: 0, max: 63 }),
    content: fc.option(someContent, { freq: 5 }),
    times: fc.array(someTime, { minLength: 1, maxLength: 6 }),
    displaced: fc.boolean(),
    conflictOf: fc.option(somePath, { freq: 2 }),
  })
  .map(({ path, version, overtaken, content, times, displaced, conflictOf }): Entry => {
    const late = [...version.keys()].filter((_, index) => (overtaken >> index) % 2 === 1);
    const known = { path, version, ...(late.length === 0 ? {} : { overtaken: late }) };
    if (content === null) return { kind: 'deleted', ...known };
    const writes = [...version]
      .slice(0, times.length)
      .map(([id, counter], index): Write => ({ actor: id, counter, mtimeNs: times[index] ?? 0n }));
    const live = {
      ...known,
      writes: writes.sort((a, b) => a.counter - b.counter || (a.actor < b.actor ? -1 : 1)),
    };
    if (content.kind === 'directory') return { ...live, ...content };
    if (!displaced)
      return conflictOf === null || conflictOf === path
        ? { ...live, ...content }
        : { ...live, ...content, conflictOf };
    return displacedCopy(live, content, path);
  });

/** The same writes, as a merge would have moved them away from `origin`. */
function displacedCopy(
  live: Pick<LiveEntry, 'writes' | 'version'>,
  content: Exclude<NewContent, { kind: 'directory' }>,
  origin: RelPath,
): Entry {
  const writes = live.writes.map((write): Write => ({ ...write, displaced: true }));
  return { path: conflictPath(origin, content), version: new Map(), writes, ...content, conflictOf: origin };
}
