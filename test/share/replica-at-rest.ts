/** A share in a scratch directory that no daemon runs: for tests of scans, recovery and settings. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { initShare } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { type OpenShare, openShare } from '../../src/share/open-share.js';
import { type ScanResult, scan } from '../../src/share/scan.js';

/** Makes a share of `files` (path to content) and opens it. */
export async function shareOf(
  directory: string,
  files: Readonly<Record<string, string>>,
): Promise<OpenShare> {
  await mkdir(directory, { recursive: true });
  for (const [path, content] of Object.entries(files)) await put(directory, path, content);
  await initShare({ directory, name: 'test', now: Date.now });
  return openShare(layoutOf(directory), { now: Date.now });
}

export async function put(directory: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), content);
}

/** @param aheadMs - how far the clock of the scan is ahead: past the time in which a stat is racy */
export function scanOf(
  share: OpenShare,
  options: { mayWrite?: boolean; approved?: boolean; aheadMs?: number } = {},
): Promise<ScanResult> {
  return scan({
    replica: share.replica,
    folder: share.folder,
    mayWrite: options.mayWrite ?? true,
    deletionsApproved: options.approved ?? false,
    now: () => Date.now() + (options.aheadMs ?? 60_000),
  });
}
