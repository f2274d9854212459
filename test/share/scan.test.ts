/**
 * Scans of a real folder: what is taken in, what is left alone, and what is never taken for a deletion
 * (hazards 19, 26, 27, 28 of the list of what must be survived).
 */
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRelPath } from '../../src/manifest/index.js';
import type { OpenShare } from '../../src/share/open-share.js';
import { scratchDirectory } from './peer.js';
import { put, scanOf, shareOf } from './replica-at-rest.js';

let scratch: { path: string; remove: () => Promise<void> };
let directory: string;
let share: OpenShare | undefined;

beforeEach(async () => {
  scratch = await scratchDirectory();
  directory = join(scratch.path, 'share');
});

afterEach(async () => {
  await share?.close();
  share = undefined;
  await scratch.remove();
});

async function open(files: Readonly<Record<string, string>>): Promise<OpenShare> {
  share = await shareOf(directory, files);
  return share;
}

const entryAt = (opened: OpenShare, path: string) =>
  opened.replica.tree.get(opened.replica.root, parseRelPath(path));

const manyFiles = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`d/${index}`, `content ${index}`]));

describe('a scan', () => {
  it('finds nothing to do where nothing changed, and keeps the root', async () => {
    const opened = await open({ a: 'one', 'd/b': 'two' });
    await scanOf(opened); // The first one looks again at what was racy.
    const { root, state } = opened.replica;
    expect(await scanOf(opened)).toMatchObject({ changed: 0, deleted: 0, held: undefined });
    expect(opened.replica.root).toBe(root);
    expect(opened.replica.state.counter).toBe(state.counter);
  });

  it('takes in a changed content, a changed mtime, a new file and a deletion, each as one write', async () => {
    const opened = await open({ edited: 'one', touched: 'two', gone: 'three' });
    await scanOf(opened);
    const { counter } = opened.replica.state;
    await writeFile(join(directory, 'edited'), 'other');
    await utimes(join(directory, 'touched'), 1_600_000_000, 1_600_000_000);
    await put(directory, 'new', 'four');
    await rm(join(directory, 'gone'));
    expect(await scanOf(opened)).toMatchObject({ changed: 3, deleted: 1 });
    expect(opened.replica.state.counter).toBe(counter + 4);
    expect(await entryAt(opened, 'gone')).toMatchObject({ kind: 'deleted' });
  });

  it('reads a file again whose stat could hide a change: it was taken in within the same instant', async () => {
    const opened = await open({ a: 'one' });
    await writeFile(join(directory, 'a'), 'two');
    await scanOf(opened, { aheadMs: 0 });
    const before = await entryAt(opened, 'a');
    // The same size and times: only a reading can tell.
    const record = await opened.store.getRecord('stat', 'a');
    await scanOf(opened);
    expect(await opened.store.getRecord('stat', 'a')).not.toEqual(record);
    expect(await entryAt(opened, 'a')).toEqual(before);
  });

  it('reports what cannot be synced, and takes nothing behind an unreadable name for deleted', async () => {
    const opened = await open({ file: 'one', 'd/x': 'two' });
    await rm(join(directory, 'file'));
    execFileSync('mkfifo', [join(directory, 'file')]);
    const result = await scanOf(opened);
    expect([...result.blocked.keys()]).toEqual(['file']);
    expect(result.deleted).toBe(0);
    expect(await entryAt(opened, 'file')).toMatchObject({ kind: 'file' });
  });

  it('holds the deletion of most files until it is approved, and lets a few through', async () => {
    const opened = await open(manyFiles(50));
    await rm(join(directory, 'd', '0'));
    expect(await scanOf(opened)).toMatchObject({ deleted: 1, held: undefined });
    await rm(join(directory, 'd'), { recursive: true });
    expect(await scanOf(opened)).toMatchObject({ deleted: 0, held: { deletions: 49, of: 49 } });
    expect(await entryAt(opened, 'd/7')).toMatchObject({ kind: 'file' });
    expect(await scanOf(opened, { approved: true })).toMatchObject({ deleted: 50, held: undefined });
    expect(await entryAt(opened, 'd/7')).toMatchObject({ kind: 'deleted' });
  });

  it('stops when the folder or its .shoal is gone, instead of finding everything deleted', async () => {
    const opened = await open({ a: 'one' });
    const { root } = opened.replica;
    await rename(join(directory, '.shoal'), join(scratch.path, 'moved'));
    await expect(scanOf(opened)).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
    await rename(join(scratch.path, 'moved'), join(directory, '.shoal'));
    await rename(directory, join(scratch.path, 'elsewhere'));
    await mkdir(join(directory, '.shoal'), { recursive: true });
    await expect(scanOf(opened)).rejects.toMatchObject({ code: 'NOT_A_SHARE' });
    expect(opened.replica.root).toBe(root);
  });

  it('leaves what is ignored as it is, and takes it in once it is not', async () => {
    const opened = await open({ 'keep.txt': 'one', 'build/out': 'two' });
    await put(directory, '.shoalignore', 'build/\n*.tmp\n');
    await put(directory, 'x.tmp', 'three');
    await rm(join(directory, 'build'), { recursive: true });
    expect(await scanOf(opened)).toMatchObject({ changed: 1, deleted: 0 });
    expect(await entryAt(opened, 'x.tmp')).toBeUndefined();
    await put(directory, '.shoalignore', '\n');
    expect(await scanOf(opened)).toMatchObject({ changed: 2, deleted: 2 });
  });

  it('makes no write of a device that may only read, keeps its edits, and brings back what is gone', async () => {
    const opened = await open({ edited: 'one', gone: 'two' });
    await scanOf(opened);
    const { root } = opened.replica;
    await writeFile(join(directory, 'edited'), 'other');
    await rm(join(directory, 'gone'));
    const result = await scanOf(opened, { mayWrite: false });
    expect(result).toMatchObject({ changed: 0, deleted: 0 });
    expect([...result.blocked.keys()]).toEqual(['edited']);
    expect(opened.replica.root).toBe(root);
    expect(await readFile(join(directory, 'edited'), 'utf8')).toBe('other');
    expect(await readFile(join(directory, 'gone'), 'utf8')).toBe('two');
  });
});
