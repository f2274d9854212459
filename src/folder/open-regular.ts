/** Opening a regular file and nothing else. */
import { closeSync, constants, fstatSync, openSync } from 'node:fs';

/** O_NONBLOCK: a FIFO put there meanwhile must not hold the process up. */
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * @returns a descriptor for reading; undefined if something other than a regular file stands there
 * @throws the system error
 */
export function openRegular(path: string): number | undefined {
  const descriptor = openSync(path, readFlags);
  if (fstatSync(descriptor).isFile()) return descriptor;
  closeSync(descriptor);
  return undefined;
}
