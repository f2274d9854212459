/**
 * Shows that nothing a user wrote gets lost when two peers change the same things while they do not see each other,
 * or when most of a folder vanishes: real processes, `shoal sync` with its exit codes, `shoal approve`.
 */
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SyncResult } from '../../src/share/index.js';
import { Group, proveEqual, untilEqual } from '../support/group.js';
import type { Peer } from '../support/peer.js';
import { mustRunShoal, runShoal } from '../support/shoal-command.js';

const conflictsExit = 3;
const notConvergedExit = 4;
const heldExit = 5;
/** The guard looks at more than 20 deletions that are more than half of all files. */
const vanishing = 30;

let group: Group;
let first: Peer;
let second: Peer;

beforeAll(async () => {
  group = await Group.open(['rw']);
  first = group.first;
  second = group.peer(1);
});
afterAll(() => group.close());

/** All contents in the folder, by path. */
async function texts(peer: Peer): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const [path, { kind }] of await peer.list({ content: false }))
    if (kind === 'file') found.set(path, await readFile(peer.path(path), 'utf8'));
  return found;
}

test('of two edits made apart one gets the path, the other one a conflict name, and sync exits with 3', async () => {
  await writeFile(first.path('plan.txt'), 'as agreed\n');
  await untilEqual([first, second]);
  await second.stop('SIGTERM');
  await writeFile(first.path('plan.txt'), 'as the first sees it\n');
  await writeFile(second.path('plan.txt'), 'as the second sees it\n');

  const synced = await runShoal('sync', second.directory, '--json', '--timeout', '60s');
  expect(synced.code).toBe(conflictsExit);
  expect(synced.json<SyncResult>()).toMatchObject({ inSync: true });
  await second.start();
  await untilEqual([first, second]);

  const found = await texts(second);
  const copies = [...found.keys()].filter((path) => path.includes('.conflict-'));
  expect(copies).toEqual([expect.stringMatching(/^plan\.conflict-[0-9a-f]{8}\.txt$/)]);
  expect([...found.values()].sort()).toEqual(['as the first sees it\n', 'as the second sees it\n']);
  expect((await first.printedStatus()).conflicts).toEqual(copies);
  await rm(first.path(copies[0] ?? ''));
  await untilEqual([first, second]);
  expect((await second.printedStatus()).conflicts).toEqual([]);
});

test('the same edit on both sides is no conflict', async () => {
  await second.stop('SIGTERM');
  await writeFile(first.path('same.txt'), 'word for word\n');
  await writeFile(second.path('same.txt'), 'word for word\n');
  await second.start();
  await untilEqual([first, second]);
  expect([...(await texts(second)).keys()].filter((path) => path.startsWith('same'))).toEqual(['same.txt']);
});

test('an edit survives a deletion, also in a directory that was deleted as a whole', async () => {
  await mkdir(first.path('project'));
  for (const name of ['edited', 'untouched']) await writeFile(first.path('project', name), `${name}\n`);
  await writeFile(first.path('lone'), 'lone\n');
  await untilEqual([first, second]);
  await second.stop('SIGTERM');
  await rm(first.path('project'), { recursive: true });
  await rm(first.path('lone'));
  await appendFile(second.path('project', 'edited'), 'and edited\n');
  await appendFile(second.path('lone'), 'and edited\n');
  await second.start();
  await untilEqual([first, second]);
  const found = await texts(first);
  expect(found.get('project/edited')).toBe('edited\nand edited\n');
  expect(found.get('lone')).toBe('lone\nand edited\n');
  expect(found.has('project/untouched')).toBe(false);
});

test('when most files vanish at once the deletions wait for approval', async () => {
  await mkdir(first.path('many'));
  for (let index = 0; index < vanishing; index++)
    await writeFile(first.path('many', `${index}`), `${index}\n`);
  await untilEqual([first, second]);
  await first.stop('SIGTERM');
  await rm(first.path('many'), { recursive: true });
  await first.start();
  const { event } = await first.process.waitFor('held');
  expect(event.deletions).toBe(vanishing);
  expect((await first.printedStatus()).held).toMatchObject({ deletions: vanishing });
  expect((await runShoal('sync', first.directory, '--json')).code).toBe(heldExit);
  expect((await texts(second)).has('many/0')).toBe(true);

  await mustRunShoal('approve', first.directory);
  await untilEqual([first, second]);
  expect([...(await texts(second)).keys()].filter((path) => path.startsWith('many/'))).toEqual([]);
});

test('sync without the other member ends with 4 when its time is up', async () => {
  await second.stop('SIGTERM');
  await writeFile(first.path('unheard'), 'nobody listens\n');
  const synced = await runShoal('sync', first.directory, '--json', '--timeout', '1s');
  expect(synced.code).toBe(notConvergedExit);
  expect(synced.json<SyncResult>().inSync).toBe(false);
  await second.start();
});

test('in the end both trees are identical and whole', async () => {
  await untilEqual([first, second]);
  await proveEqual([first, second]);
});
