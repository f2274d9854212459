/**
 * A verification goes through the store and the files in parts, ends when its time is up or it is interrupted, and
 * goes on there in the next limited run; one without a limit looks at everything.
 */
import { randomBytes } from 'node:crypto';
import { appendFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { filesPerJobMax } from '../../src/share/ingest-job.js';
import type { OpenShare } from '../../src/share/open-share.js';
import type { VerifyOptions, VerifyProgress } from '../../src/share/verify.js';
import { type VerifyResult, verifyShare } from '../../src/share/verify-share.js';
import { flipBit, rot } from './damage.js';
import { scratchDirectory } from './peer.js';
import { scanOf, shareOf } from './replica-at-rest.js';

/** Several times what is looked at together. */
const count = 600;
const aDayMs = 86_400_000;
let scratch: { path: string; remove: () => Promise<void> };
let share: OpenShare;

beforeEach(async () => {
  scratch = await scratchDirectory();
  const files = Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`f${index}`, `content ${index}`]),
  );
  share = await shareOf(join(scratch.path, 'share'), files);
  await scanOf(share);
});

afterEach(async () => {
  await share.close();
  await scratch.remove();
});

/** A clock that goes on by a second each time it is asked. */
function ticking(): () => number {
  let now = 1_700_000_000_000;
  return () => {
    now += 1000;
    return now;
  };
}

const verify = (options: Partial<VerifyOptions> = {}): Promise<VerifyResult> =>
  verifyShare(share, { files: true, store: true, now: Date.now, ...options });

it('reads everything once over several limited runs, and begins anew after the end', async () => {
  const { chunks: stored } = await share.store.chunks.totals();
  for (const run of [1, 2]) {
    let [files, chunks, runs] = [0, 0, 0];
    for (let complete = false; !complete; runs++) {
      const result = await verify({ limitMs: 20_000, now: ticking() });
      expect(result.ok, `run ${run}`).toBe(true);
      expect(result.rest === null).toBe(result.complete);
      files += result.files.checked;
      chunks += result.chunks.checked;
      complete = result.complete;
    }
    expect({ files, chunks }).toEqual({ files: count, chunks: stored });
    expect(runs).toBeGreaterThan(2);
  }
});

it('goes on where it was interrupted, and tells how much there is', async () => {
  const controller = new AbortController();
  const seen: VerifyProgress[] = [];
  const onProgress = (progress: VerifyProgress): void => {
    seen.push(progress);
    if (progress.files === 5) controller.abort();
  };
  const interrupted = verify({ onProgress, signal: controller.signal, now: ticking() });
  await expect(interrupted).rejects.toThrow();
  const last = seen.at(-1) as VerifyProgress;
  expect(last.filesTotal).toBe(count);
  expect(last.files).toBeGreaterThanOrEqual(5);
  expect(last.files).toBeLessThan(count);
  const rest = await verify({ limitMs: aDayMs });
  expect(rest).toMatchObject({ ok: true, complete: true, files: { checked: count - last.files } });
});

it('looks at everything when it has no limit, wherever the run before it ended', async () => {
  const { chunks: stored } = await share.store.chunks.totals();
  const controller = new AbortController();
  const onProgress = ({ files }: VerifyProgress): void => {
    if (files === 5) controller.abort();
  };
  await expect(verify({ onProgress, signal: controller.signal, now: ticking() })).rejects.toThrow();
  const whole = await verify();
  expect(whole).toMatchObject({ complete: true, files: { checked: count }, chunks: { checked: stored } });
});

it('keeps a position of its own for each part that was asked for', async () => {
  await verify({ store: false, limitMs: 6000, now: ticking() });
  const rest = await verify({ files: false });
  expect(rest).toMatchObject({ complete: true, files: { checked: 0 } });
  const files = await verify({ store: false, limitMs: aDayMs });
  expect(files.files.checked).toBeGreaterThan(0);
  expect(files.files.checked).toBeLessThan(count);
});

it('tells among many files what became of each, and keeps nothing of what it reads', async () => {
  const at = (name: string): string => join(share.layout.root, name);
  const large = randomBytes(9 * 1024 * 1024);
  for (const name of ['large good', 'large rotten', 'large edited']) await writeFile(at(name), large);
  await symlink('there', at('link'));
  await scanOf(share);
  await rot(share, 'f7');
  await rot(share, 'large rotten', 5_000_000);
  await flipBit(at('f300')); // with a stat that no record vouches for, and the time of its entry
  await rm(at('f11'));
  await writeFile(at('f500'), 'an edit');
  await appendFile(at('large edited'), 'more');
  await utimes(at('f501'), 1, 1); // the same content, at another time
  await rm(at('link'));
  await symlink('elsewhere', at('link'));
  const before = await share.store.chunks.totals();
  const { root } = share.replica;

  const result = await verify();
  expect(result).toMatchObject({
    complete: true,
    files: { checked: count + 4, missing: ['f11'] },
    chunks: { damaged: [], missing: [] },
  });
  expect([...result.files.damaged].sort()).toEqual(['f300', 'f7', 'large rotten']);
  expect(result.files.changed).toBe(4);
  expect(await share.store.chunks.totals()).toEqual(before);
  expect(share.replica.root).toBe(root);
});

it('ends soon after its time when the files are large', async () => {
  const large = 3;
  for (let index = 0; index < large; index++)
    await writeFile(join(share.layout.root, `large${index}`), Buffer.alloc(17 * 1024 * 1024, index));
  await scanOf(share);
  const runs: number[] = [];
  for (let complete = false; !complete; ) {
    const result = await verify({ store: false, limitMs: 1, now: ticking() });
    runs.push(result.files.checked);
    complete = result.complete;
  }
  expect(runs.reduce((sum, checked) => sum + checked, 0)).toBe(count + large);
  // Each of the large ones ended a run.
  expect(runs.length).toBeGreaterThan(Math.ceil(count / filesPerJobMax) + large - 1);
});
