import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GroupSync, syncBytesMin, type UnsyncedBatch } from '../../src/store/group-sync.js';

const small = 1000;

/** A disk whose syncs end when the test says so. */
class SlowDisk {
  /** What each sync was for. */
  readonly syncs: number[][] = [];
  private readonly ends: (() => void)[] = [];

  finish(batches: readonly UnsyncedBatch<number>[]): Promise<void> {
    this.syncs.push(batches.map(({ result }) => result));
    return new Promise((resolve) => this.ends.push(resolve));
  }

  /** Ends the sync that is under way. */
  async end(): Promise<void> {
    this.ends.shift()?.();
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe('GroupSync', () => {
  let disk: SlowDisk;
  let group: GroupSync<number>;
  beforeEach(() => {
    vi.useFakeTimers();
    disk = new SlowDisk();
    group = new GroupSync<number>(disk);
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('syncs when there is enough', () => {
    group.add({ result: 1, bytes: syncBytesMin - 1 });
    expect(disk.syncs).toEqual([]);
    group.add({ result: 2, bytes: 1 });
    expect(disk.syncs).toEqual([[1, 2]]);
  });

  it('syncs at once when somebody waits, and tells when it is done', async () => {
    group.add({ result: 1, bytes: small });
    let done = false;
    const all = group.all().then(() => {
      done = true;
    });
    expect(disk.syncs).toEqual([[1]]);
    await settled();
    expect(done).toBe(false);
    await disk.end();
    await all;
    await group.all(); // there is nothing more
    expect(disk.syncs).toEqual([[1]]);
  });

  it('syncs what nobody waits for, too', () => {
    group.add({ result: 1, bytes: small });
    vi.advanceTimersByTime(50);
    group.add({ result: 2, bytes: small });
    expect(disk.syncs).toEqual([]);
    vi.advanceTimersByTime(50);
    expect(disk.syncs).toEqual([[1, 2]]);
  });

  it('has one sync under way, and lets the next linger from its end on', async () => {
    group.add({ result: 1, bytes: syncBytesMin });
    group.add({ result: 2, bytes: syncBytesMin });
    group.add({ result: 3, bytes: small });
    expect(disk.syncs).toEqual([[1]]);
    await disk.end();
    expect(disk.syncs).toEqual([[1], [2, 3]]);
    group.add({ result: 4, bytes: small });
    vi.advanceTimersByTime(1000);
    await disk.end();
    expect(disk.syncs).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    expect(disk.syncs).toEqual([[1], [2, 3], [4]]);
  });

  it('waits for what was there when it was asked, not for what comes later', async () => {
    group.add({ result: 1, bytes: syncBytesMin });
    group.add({ result: 2, bytes: small });
    let done = false;
    const all = group.all().then(() => {
      done = true;
    });
    await disk.end();
    expect(done).toBe(false);
    expect(disk.syncs).toEqual([[1], [2]]);
    group.add({ result: 3, bytes: small });
    await disk.end();
    await all;
    expect(disk.syncs).toEqual([[1], [2]]); // nobody waits for the third one
    vi.runAllTimers();
    expect(disk.syncs).toEqual([[1], [2], [3]]);
  });
});
