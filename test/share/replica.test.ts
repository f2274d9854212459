/** One commit takes as many stat records in and out as there are. */
import { afterEach, expect, it } from 'vitest';
import { parseRelPath } from '../../src/manifest/index.js';
import type { OpenShare } from '../../src/share/open-share.js';
import { pathKey } from '../../src/share/records.js';
import { scratchDirectory } from './peer.js';
import { shareOf } from './replica-at-rest.js';

let scratch: { path: string; remove: () => Promise<void> };
let share: OpenShare;

afterEach(async () => {
  await share.close();
  await scratch.remove();
});

it('forgets the stats of 200,000 files at once, as when a large folder is deleted', async () => {
  scratch = await scratchDirectory();
  share = await shareOf(scratch.path, { stays: 'a', goes: 'b' });
  const record = async (name: string): Promise<Uint8Array | undefined> =>
    share.store.getRecord('stat', pathKey(parseRelPath(name)));
  expect(await record('goes')).toBeDefined();
  const gone = Array.from({ length: 200_000 }, (_, index) => parseRelPath(`d/${index}`));
  const stats = [...gone, parseRelPath('goes')].map((path) => ({ path, record: undefined }));
  await share.replica.exclusive(() => share.replica.commit({ stats }));
  expect(await record('goes')).toBeUndefined();
  expect(await record('stays')).toBeDefined();
});
