/** What was noted of a chunk is told of that chunk alone, until it is forgotten or another takes its place. */
import { expect, it } from 'vitest';
import { chunkIdOf } from '../../src/chunking/index.js';
import type { PackLocation } from '../../src/store/pack-location.js';
import { RecentLocations } from '../../src/store/recent-locations.js';

const idOf = (seed: number) => chunkIdOf(Buffer.from(`chunk ${seed}`));
const big = 2 ** 32 - 1;

function locationOf(seed: number): PackLocation {
  const codec = (['raw', 'zstd', 'bundle', 'run'] as const)[seed % 4] ?? 'raw';
  return {
    pack: seed,
    offset: big - seed,
    codec,
    plainLength: seed + 1,
    encodedLength: seed + 2,
    storedBytes: seed + 3,
    within: codec === 'run' ? big : 0,
  };
}

it('tells what was noted last of a chunk, and nothing of others', () => {
  const recent = new RecentLocations();
  for (let seed = 0; seed < 100; seed++) {
    expect(recent.get(idOf(seed))).toBeUndefined();
    recent.note(idOf(seed), locationOf(seed + 1));
    recent.note(idOf(seed), locationOf(seed));
    expect(recent.get(idOf(seed))).toEqual(locationOf(seed));
    if (seed % 2 === 0) recent.forget(idOf(seed));
  }
  for (let seed = 0; seed < 100; seed++)
    expect(recent.get(idOf(seed))).toEqual(seed % 2 === 0 ? undefined : locationOf(seed));
});

it('keeps most of the latest thousands, and nothing wrong of any', () => {
  const recent = new RecentLocations();
  for (let seed = 0; seed < 100_000; seed++) recent.note(idOf(seed), locationOf(seed));
  let kept = 0;
  for (let seed = 0; seed < 100_000; seed++) {
    const location = recent.get(idOf(seed));
    if (location === undefined) continue;
    expect(location).toEqual(locationOf(seed));
    if (seed >= 90_000) kept++;
  }
  expect(kept).toBeGreaterThan(8_500);
  // A chunk whose place another one has is forgotten without it.
  const seeds = Array.from({ length: 100_000 }, (_, seed) => seed);
  const standing = seeds.filter((seed) => recent.get(idOf(seed)) !== undefined);
  for (const seed of seeds) if (recent.get(idOf(seed)) === undefined) recent.forget(idOf(seed));
  expect(seeds.filter((seed) => recent.get(idOf(seed)) !== undefined)).toEqual(standing);
});
