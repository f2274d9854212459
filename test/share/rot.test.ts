/**
 * Bit rot is told from an edit: it is reported, never taken in by a scan, never written over unseen, and `touch` or a
 * repair settles it (hazard 30, and what a scan reads for another reason: a chmod, a lost stat record).
 */
import { chmod, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRelPath } from '../../src/manifest/index.js';
import type { OpenShare } from '../../src/share/open-share.js';
import { verifyShare } from '../../src/share/verify-share.js';
import { fileEntry, flipBit, rot } from './damage.js';
import { scratchDirectory } from './peer.js';
import { put, scanOf, shareOf } from './replica-at-rest.js';

let scratch: { path: string; remove: () => Promise<void> };
let directory: string;
let share: OpenShare;

beforeEach(async () => {
  scratch = await scratchDirectory();
  directory = join(scratch.path, 'share');
  share = await shareOf(directory, { a: 'one hundred', b: 'two' });
  await scanOf(share); // Nothing is racy any more.
});

afterEach(async () => {
  await share.close();
  await scratch.remove();
});

const verify = () => verifyShare(share, { files: true, store: true, now: Date.now });
const forgetStat = (name: string) =>
  share.replica.exclusive(() =>
    share.replica.commit({ stats: [{ path: parseRelPath(name), record: undefined }] }),
  );

describe('a rotten file', () => {
  it('is found by verify, and not by a scan, which takes nothing in', async () => {
    await rot(share, 'a');
    const { root } = share.replica;
    expect(await scanOf(share)).toMatchObject({ changed: 0, damaged: [] });
    expect(await verify()).toMatchObject({ ok: false, files: { damaged: ['a'] }, unrepaired: 1 });
    expect(share.replica.root).toBe(root);
  });

  it.each([0o600, 0o755])('does not become an edit by a chmod to %s', async (mode) => {
    const before = await fileEntry(share, 'a');
    await flipBit(join(directory, 'a'));
    await chmod(join(directory, 'a'), mode);
    const result = await scanOf(share);
    expect(result).toMatchObject({ changed: 0, damaged: ['a'] });
    expect(result.blocked.get('a')).toContain('shoal verify --repair');
    expect(await fileEntry(share, 'a')).toEqual(before);
  });

  it('does not become an edit because its stat record is lost, and is read once', async () => {
    await forgetStat('a');
    await flipBit(join(directory, 'a'));
    expect(await scanOf(share)).toMatchObject({ changed: 0, damaged: ['a'] });
    const again = await scanOf(share);
    expect(again).toMatchObject({ changed: 0, damaged: [] });
    expect([...again.blocked.keys()]).toEqual(['a']);
    expect(await verify()).toMatchObject({ ok: false, files: { damaged: ['a'] } });
  });

  it('is the user’s to make an edit, by touching it', async () => {
    await forgetStat('a');
    await flipBit(join(directory, 'a'));
    await scanOf(share);
    await utimes(join(directory, 'a'), new Date(), new Date());
    expect(await scanOf(share)).toMatchObject({ changed: 1 });
    expect(await verify()).toMatchObject({ ok: true });
  });
});

describe('an edit', () => {
  it('is taken in where only its bytes and its time differ, or another file was put there', async () => {
    await writeFile(join(directory, 'a'), 'One hundred');
    const { mtimeNs } = { mtimeNs: (await share.folder.read(parseRelPath('b'))).stat.mtimeNs };
    await put(directory, 'new', 'Two');
    await utimes(join(directory, 'new'), Number(mtimeNs) / 1e9, Number(mtimeNs) / 1e9);
    await rename(join(directory, 'new'), join(directory, 'b'));
    expect(await scanOf(share)).toMatchObject({ changed: 2, damaged: [] });
    expect(await readFile(join(directory, 'b'), 'utf8')).toBe('Two');
    expect(await verify()).toMatchObject({ ok: true });
  });

  it('is no damage to verify', async () => {
    await writeFile(join(directory, 'a'), 'other');
    expect(await verify()).toMatchObject({ ok: true, files: { changed: 1, damaged: [] } });
  });
});
