/** What was written back early is never taken for durable when that failed: the failure is kept for the sync that counts. */
import type { FileHandle } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Writeback } from '../../src/store/writeback.js';

const mebibyte = 1024 * 1024;

function fileWith(datasync: () => Promise<void>): FileHandle {
  return { datasync } as FileHandle;
}

it('begins one sync at a time, and waits for it', async () => {
  let running = 0;
  const ends: (() => void)[] = [];
  const file = fileWith(() => {
    running++;
    return new Promise((resolve) => {
      ends.push(() => {
        running--;
        resolve();
      });
    });
  });
  const writeback = new Writeback();
  for (let count = 0; count < 100; count++) writeback.note(file, mebibyte);
  expect(running).toBe(1);
  const settled = writeback.settled();
  ends.shift()?.();
  await settled;
  expect(running).toBe(0);
  writeback.note(file, mebibyte);
  expect(running).toBe(1); // what came while the first one ran was enough for another
});

it('keeps a failure for all who come, though the system forgets it', async () => {
  const failure = new Error('EIO');
  let calls = 0;
  const writeback = new Writeback();
  const file = fileWith(() => (calls++ === 0 ? Promise.reject(failure) : Promise.resolve()));
  writeback.note(file, 64 * mebibyte);
  await expect(writeback.settled()).rejects.toBe(failure);
  await expect(writeback.settled()).rejects.toBe(failure);
  expect(() => writeback.note(file, 64 * mebibyte)).toThrow(failure);
  await writeback.stopped();
  expect(calls).toBe(1);
});
