/**
 * System errors sorted into the three things a caller can do about them: the one path is blocked until the user
 * changes something; something appeared or vanished meanwhile, so look again; or the file system itself failed.
 */
import { ShoalError, systemCode } from '../error.js';
import { escapeForDisplay } from './display.js';

/** Faults of one path. Every other path can still be synced. */
const reasonsOfBlocking = new Map([
  ['EACCES', 'permission denied'],
  ['EPERM', 'operation not permitted'],
  ['EROFS', 'the file system is read-only'],
  ['EXDEV', 'on another file system'],
  ['ENOTEMPTY', 'holds files that are not synced'],
  ['ENAMETOOLONG', 'the name is too long for this file system'],
  ['EINVAL', 'the file system cannot hold this name'],
  ['EILSEQ', 'the file system cannot hold this name'],
  ['ERR_INVALID_ARG_VALUE', 'the file system cannot hold this name'],
  ['ELOOP', 'a symlink is in the way'],
  ['ENOTDIR', 'something that is no directory is in the way'],
  ['EISDIR', 'a directory is in the way'],
  ['EBUSY', 'in use by the system'],
  ['ETXTBSY', 'in use as a running program'],
  ['EMLINK', 'the directory holds as many entries as it can'],
  ['EFBIG', 'too large for this file system'],
  ['ENOTSUP', 'not supported by this file system'],
  ['EOPNOTSUPP', 'not supported by this file system'],
]);

const adviceOnFaults = new Map([
  ['ENOSPC', 'the disk is full. Free some space; Shoal goes on by itself'],
  ['EDQUOT', 'the disk quota is used up. Free some space; Shoal goes on by itself'],
  ['EIO', 'the disk reports an error. Check the disk'],
  ['EMFILE', 'too many files are open. Raise the limit (ulimit -n)'],
  ['ENFILE', 'too many files are open on this machine. Close some programs'],
]);

/** Why a path is blocked, for a person; undefined if `error` says something else. */
export function reasonOfBlocking(error: unknown): string | undefined {
  const code = systemCode(error);
  return code === undefined ? undefined : reasonsOfBlocking.get(code);
}

/** Whether `error` says that something appeared or vanished since it was looked at. */
export function isOvertaken(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EEXIST' || code === 'ENOENT';
}

/**
 * A system error as ShoalError IO with `data.path` and `data.code` (the system's code). A ShoalError and a
 * programmer's fault come back as they are.
 * @param doing - what failed, to follow "Cannot": 'write', 'read the directory'
 */
export function asIoError(error: unknown, doing: string, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof ShoalError || code === undefined) return error;
  const why = adviceOnFaults.get(code) ?? reasonsOfBlocking.get(code) ?? `the system says ${code}`;
  const message = `Cannot ${doing} ${escapeForDisplay(path)}: ${why}.`;
  return new ShoalError('IO', message, { data: { path, code }, cause: error });
}

/** Why something cannot be known, to follow "unreadable:". @throws `error` unless it is a system error */
export function asReasonUnknown(error: unknown): string {
  const code = systemCode(error);
  if (error instanceof ShoalError || code === undefined) throw error;
  return reasonsOfBlocking.get(code) ?? adviceOnFaults.get(code) ?? `the system says ${code}`;
}
