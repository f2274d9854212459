/**
 * The little that Shoal keeps of a file besides its content: whether it may be executed, and its mtime.
 */
import { closeSync, constants, fchmodSync, fstatSync, futimesSync, openSync } from 'node:fs';
import { type FileStat, fileStatOf, type Standing, statEquals } from './file-stat.js';

const readBits = 0o444;
const readWriteBits = 0o666;
const ownerExecutes = 0o100;
const reopenFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The permissions a file is to get. A new one gets what the umask leaves. An old one keeps who may read and write
 * it, so that an edit from a peer never opens a private file to others. setuid, setgid and sticky are never set.
 * @param standing - what the file replaces
 * @param newFilePermissions - 0666 without the umask
 */
export function permissionsFor(executable: boolean, standing: Standing, newFilePermissions: number): number {
  const base = standing.kind === 'file' ? standing.permissions & readWriteBits : newFilePermissions;
  return executable ? base | ((base & readBits) >> 2) | ownerExecutes : base;
}

/** Times go through a double: about 0.2 us off. Node takes a negative number for "now", but not as text. */
export function asSeconds(timeNs: bigint): number | string {
  const seconds = Number(timeNs) / 1e9;
  return seconds < 0 ? String(seconds) : seconds;
}

interface Adjustment {
  readonly permissions: number;
  readonly mtimeNs: bigint;
}

/** @returns undefined, with nothing changed, if `target` is another file than `before` */
export function adjustFile(
  target: string,
  before: FileStat,
  { permissions, mtimeNs }: Adjustment,
): FileStat | undefined {
  const descriptor = openSync(target, reopenFlags);
  try {
    const opened = fileStatOf(fstatSync(descriptor, { bigint: true }));
    if (!statEquals(opened, before)) return undefined;
    const seconds = asSeconds(mtimeNs);
    fchmodSync(descriptor, permissions);
    futimesSync(descriptor, seconds, seconds);
    return fileStatOf(fstatSync(descriptor, { bigint: true }));
  } finally {
    closeSync(descriptor);
  }
}
