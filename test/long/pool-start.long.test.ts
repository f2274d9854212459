/**
 * An ingest is closed as soon as one of its workers has done all there is, while another one may still be loading: three
 * hundred times. Node 20 aborts the process over that if the thread loads an ES module; it would abort this test's.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { IgnoreRules } from '../../src/folder/ignore-rules.js';
import { parseRelPath } from '../../src/manifest/index.js';
import { type FoundFile, Ingest } from '../../src/share/ingest.js';
import { scratchDirectory } from '../share/peer.js';
import { shareOf } from '../share/replica-at-rest.js';

const times = 300;
/** Longer than what shares a job: the second one needs a worker. */
const fileBytes = 2_000_000;

test(`a pool that is closed while it starts, ${times} times`, async () => {
  const scratch = await scratchDirectory();
  const directory = join(scratch.path, 'share');
  const share = await shareOf(directory, {});
  try {
    for (const name of ['a', 'b']) await writeFile(join(directory, name), Buffer.alloc(fileBytes, name));
    const look = (name: string) => share.folder.look(parseRelPath(name), new IgnoreRules(''));
    const files = [(await look('a')) as FoundFile, (await look('b')) as FoundFile];
    for (let count = 0; count < times; count++) {
      const ingest = new Ingest(share.replica, share.folder);
      for (const file of files) expect((await ingest.take(file)).outcome).toBe('taken');
      await ingest.close();
    }
  } finally {
    await share.close();
    await scratch.remove();
  }
});
