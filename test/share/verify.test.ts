/**
 * A verification goes through the store and the files in parts, ends when its time is up or it is interrupted, and
 * goes on there in the next limited run; one without a limit looks at everything.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { OpenShare } from '../../src/share/open-share.js';
import type { VerifyOptions, VerifyProgress } from '../../src/share/verify.js';
import { type VerifyResult, verifyShare } from '../../src/share/verify-share.js';
import { scratchDirectory } from './peer.js';
import { scanOf, shareOf } from './replica-at-rest.js';

/** Several times what is looked at together. */
const count = 60;
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
  expect(runs.length).toBeGreaterThan(Math.ceil((count + large) / 16));
});
