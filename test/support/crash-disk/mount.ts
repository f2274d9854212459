/** The crash disk that `node:fs` leads to now: one at a time, as a process has one file system. */
import { CrashDisk, mountPoint } from './crash-disk.js';

let mounted: CrashDisk = CrashDisk.empty();

export function mount(disk: CrashDisk): CrashDisk {
  mounted = disk;
  return disk;
}

export function theDisk(): CrashDisk {
  return mounted;
}

const descriptorMin = 1_000_000_000;

/** Whether an argument of a call of `node:fs` speaks of the crash disk. */
export function isMounted(argument: unknown): boolean {
  if (typeof argument === 'number') return argument >= descriptorMin;
  if (typeof argument !== 'string') return false;
  return (
    argument === mountPoint ||
    argument.startsWith(`${mountPoint}/`) ||
    Number(/^\/proc\/(?:self|\d+)\/fd\/(\d+)/.exec(argument)?.[1] ?? 0) >= descriptorMin
  );
}
