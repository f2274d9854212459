/** Directories for tests, removed when the test is over. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** An empty directory that lives as long as the test, in `parent`. */
export async function scratchDirectory(parent = tmpdir()): Promise<string> {
  const directory = await mkdtemp(join(parent, 'shoal-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
