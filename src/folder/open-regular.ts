/** Opening a regular file and nothing else. */
import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';

/** O_NONBLOCK: a FIFO put there meanwhile must not hold the process up. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A descriptor for reading, and what was opened. */
export interface OpenedRegular {
  readonly descriptor: number;
  readonly stats: BigIntStats;
}

/** A descriptor for reading of whatever stands there: the caller must look at what it is. @throws the system error */
export function openUnseen(path: string): number {
  return openSync(path, readFlags);
}

/**
 * @returns undefined if something other than a regular file stands there
 * @throws the system error
 */
export function openRegular(path: string): OpenedRegular | undefined {
  const descriptor = openUnseen(path);
  const stats = fstatSync(descriptor, { bigint: true });
  if (stats.isFile()) return { descriptor, stats };
  closeSync(descriptor);
  return undefined;
}
