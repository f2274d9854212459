import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createShare } from '../../src/share/create.js';
import { isShare, layoutOf } from '../../src/share/layout.js';

/** What a file system does that keeps no permissions. */
const permissions = vi.hoisted(() => ({ areKept: true }));
vi.mock('node:fs/promises', async (original) => {
  const promises = await original<typeof import('node:fs/promises')>();
  const open: typeof promises.open = (path, flags, mode) =>
    promises.open(path, flags, permissions.areKept ? mode : 0o644);
  return { ...promises, open };
});

describe('the keys of a new share', () => {
  let directory: string;
  beforeEach(async () => {
    permissions.areKept = true;
    directory = await mkdtemp(join(tmpdir(), 'shoal-secrets-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('are refused a file system that lets others read them, and there is no share', async () => {
    permissions.areKept = false;
    await expect(createShare({ directory, now: Date.now })).rejects.toMatchObject({ code: 'REFUSED' });
    expect(await isShare(layoutOf(directory).root)).toBe(false);
  });

  it('leave nothing in the way of the next attempt', async () => {
    permissions.areKept = false;
    await expect(createShare({ directory, now: Date.now })).rejects.toMatchObject({ code: 'REFUSED' });
    permissions.areKept = true;
    const { store } = await createShare({ directory, now: Date.now });
    await store.close();
    expect(await isShare(layoutOf(directory).root)).toBe(true);
  });
});
