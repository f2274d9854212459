/** Shows what `gc` says to people: what was freed, and where something was kept, why and what to do next. */
import { expect, it } from 'vitest';
import { describeCollect } from '../../src/cli/index.js';
import type { CollectResult } from '../../src/share/index.js';

const result: CollectResult = {
  ok: true,
  unreadable: null,
  roots: { kept: 12, dropped: 3 },
  freed: { chunks: 1500, bytes: 90_000_000 },
  packs: { removed: 1, damaged: 0, withoutRoom: 0 },
  store: { bytesBefore: 300_000_000, bytesAfter: 210_000_000 },
  seconds: 1.5,
};

it('says what was freed and kept', () => {
  expect(describeCollect(result)).toEqual([
    'Freed 1,500 chunks of 90 MB in 1.5 s; the store has 210 MB, it had 300 MB.',
    '12 states of the folder kept, 3 dropped.',
  ]);
});

it('says that nothing was freed because a node cannot be read', () => {
  const id = 'ab'.repeat(32) as CollectResult['unreadable'];
  const [line, ...rest] = describeCollect({ ...result, ok: false, unreadable: id });
  expect(line).toMatch(
    /^Nothing was freed: chunk abababababab cannot be read, .* `shoal verify`.*--keep 1d\.$/,
  );
  expect(rest).toEqual([]);
});

it('says what stays for damage, and for want of room', () => {
  const packs = { removed: 0, damaged: 1, withoutRoom: 2 };
  const lines = describeCollect({ ...result, ok: false, packs });
  expect(lines[2]).toMatch(/^2 packs could not be rewritten: the disk has no room/);
  expect(lines[3]).toMatch(/^Damage was found, .* run `shoal verify`, then `shoal gc` again\.$/);
});
