/**
 * What a crash left in the journal is settled at the next start: taken over where the file is in place, written again where a
 * power loss tore it, and left to the scan where the user wrote something else (hazards 23 and 30).
 */
import { readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEntry, type FileEntry, mtimeNsOf, parseRelPath, supersede } from '../../src/manifest/index.js';
import { type OpenShare, openShare } from '../../src/share/open-share.js';
import { pathKey } from '../../src/share/records.js';
import { scratchDirectory } from './peer.js';
import { put, scanOf, shareOf } from './replica-at-rest.js';

const path = parseRelPath('a.txt');
const remote = { actor: 'ffffffffffffffff', counter: 9 };
let scratch: { path: string; remove: () => Promise<void> };
let share: OpenShare | undefined;

beforeEach(async () => {
  scratch = await scratchDirectory();
});

afterEach(async () => {
  await share?.close();
  share = undefined;
  await scratch.remove();
});

/**
 * A share whose journal says that `remoteText` was being put at a.txt, over `localText`, when the process died.
 * @returns the entry that was to be
 */
async function crashed(localText: string, remoteText: string): Promise<FileEntry> {
  const directory = join(scratch.path, 'share');
  share = await shareOf(directory, { 'a.txt': localText, other: remoteText });
  const { replica, store } = share;
  const current = await replica.tree.get(replica.root, path);
  const source = await replica.tree.get(replica.root, parseRelPath('other'));
  if (source?.kind !== 'file') throw new Error('the sample must be there');
  const { executable, size, recipe } = source;
  const write = { ...remote, mtimeNs: 1_600_000_000_000_000_000n };
  const entry = supersede(current, path, { kind: 'file', executable, size, recipe }, write);
  await store.commit([{ kind: 'journal', key: pathKey(path), value: encodeEntry(entry) }], { durable: true });
  if (entry.kind !== 'file') throw new Error('it must be a file');
  return entry;
}

async function reopened(): Promise<OpenShare> {
  const layout = share?.layout;
  if (layout === undefined) throw new Error('nothing to open again');
  await share?.close();
  share = await openShare(layout, { now: Date.now });
  return share;
}

const setTime = (file: string, entry: FileEntry): Promise<void> => {
  const seconds = Number(mtimeNsOf(entry)) / 1e9;
  return utimes(file, seconds, seconds);
};

describe('recovery', () => {
  it('takes over a file that is in place, as the write of its author', async () => {
    const entry = await crashed('old', 'new content');
    const file = join(scratch.path, 'share', 'a.txt');
    await writeFile(file, 'new content');
    await setTime(file, entry);
    const { replica, store } = await reopened();
    expect(await replica.tree.get(replica.root, path)).toEqual(entry);
    expect(await store.getRecord('journal', pathKey(path))).toBeUndefined();
    const { counter } = replica.state;
    await scanOf(await reopened());
    expect(share?.replica.state.counter).toBe(counter);
  });

  it('writes a torn file again, and never takes it for an edit', async () => {
    const entry = await crashed('old', 'new content');
    const file = join(scratch.path, 'share', 'a.txt');
    await truncate(file, 0);
    await setTime(file, entry);
    const { replica } = await reopened();
    expect(await readFile(file, 'utf8')).toBe('new content');
    expect(await replica.tree.get(replica.root, path)).toEqual(entry);
    expect(await scanOf(await reopened())).toMatchObject({ changed: 0, deleted: 0 });
  });

  it('leaves the old file alone that was not replaced yet', async () => {
    await crashed('old', 'new content');
    const { replica } = await reopened();
    const entry = await replica.tree.get(replica.root, path);
    expect(entry?.version.has(remote.actor)).toBe(false);
    expect(await readFile(join(scratch.path, 'share', 'a.txt'), 'utf8')).toBe('old');
    expect(await scanOf(await reopened())).toMatchObject({ changed: 0 });
  });

  it("leaves the user's own edit to the scan, which takes it in", async () => {
    await crashed('old', 'new content');
    await put(join(scratch.path, 'share'), 'a.txt', 'edit of the user');
    const opened = await reopened();
    expect(await readFile(join(scratch.path, 'share', 'a.txt'), 'utf8')).toBe('edit of the user');
    expect(await scanOf(opened)).toMatchObject({ changed: 1 });
    expect((await opened.replica.tree.get(opened.replica.root, path))?.version.has(remote.actor)).toBe(false);
  });
});
