/**
 * LevelDB's failures as ShoalErrors. classic-level gives a code for the kind of failure, and the system's error only
 * as the text of `strerror`, so this is the one place that looks at a text.
 */
import { isShoalError, ShoalError, systemCode } from '../error.js';

const systemTexts: readonly (readonly [text: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['File too large', 'EFBIG'],
  ['Input/output error', 'EIO'],
  ['Invalid argument', 'EINVAL'],
  ['Too many open files', 'EMFILE'],
  ['Read-only file system', 'EROFS'],
  ['Permission denied', 'EACCES'],
];

/** What a person can do about it, by the system's code. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full: free some space, then start again',
  EDQUOT: 'the disk quota is used up: free some space, then start again',
  EFBIG: 'a file would grow over the size limit: raise the limit (`ulimit -f`), then start again',
  EIO: 'the disk reports an error: check the disk, then start again',
  EMFILE: 'too many files are open: raise the limit (`ulimit -n`), then start again',
  EROFS: 'the file system is read-only: mount it for writing, then start again',
  EACCES: 'permission is denied: check who owns the directory',
};

/** @param why - completes the sentence "cannot be opened because ..." */
export function storeUnopenable(directory: string, why: string, cause?: unknown): ShoalError {
  return new ShoalError(
    'STORE_UNOPENABLE',
    `The store in ${directory} cannot be opened because ${why}: run \`shoal verify --repair\`, ` +
      'which makes its index again from what is left and keeps the old files in quarantine.',
    { data: { path: directory }, cause },
  );
}

export function storeNewer(directory: string, version: number): ShoalError {
  return new ShoalError(
    'STORE_UNOPENABLE',
    `The store in ${directory} was written by a newer Shoal (format ${version}): install that version on this machine.`,
    { data: { path: directory, version } },
  );
}

export function openFailure(directory: string, error: unknown): ShoalError {
  if (isShoalError(error)) return error;
  const reason = rootCause(error);
  switch (systemCode(reason)) {
    case 'LEVEL_LOCKED':
      return new ShoalError(
        'SHARE_BUSY',
        `The store in ${directory} is in use by another process: stop that one first, or wait until it is done.`,
        { data: { path: directory }, cause: error },
      );
    case 'LEVEL_CORRUPTION':
      return storeUnopenable(directory, 'it is damaged', error);
    default:
      return ioFailure('opened', directory, error);
  }
}

export function readFailure(directory: string, error: unknown): ShoalError {
  if (isShoalError(error)) return error;
  if (isClosed(error)) return storeClosed();
  return isUnreadable(error) ? storeDamaged(directory, error) : ioFailure('read', directory, error);
}

export function writeFailure(directory: string, error: unknown): ShoalError {
  if (isShoalError(error)) return error;
  if (isClosed(error)) return storeClosed();
  return systemCode(rootCause(error)) === 'LEVEL_CORRUPTION'
    ? storeDamaged(directory, error)
    : ioFailure('written', directory, error);
}

export function syncFailure(directory: string, error: unknown): ShoalError {
  return ioFailure('synced to disk', directory, error);
}

export function storeClosed(): ShoalError {
  return new ShoalError('CANCELLED', 'The store was closed before this was done: open the share again.');
}

/** Whether a read failed because of what is on the disk, not because of this process or this moment. */
export function isUnreadable(error: unknown): boolean {
  const reason = rootCause(error);
  if (systemCode(reason) === 'LEVEL_CORRUPTION') return true;
  const code = systemCodeOf(reason);
  return code === 'EIO' || code === 'EINVAL'; // EINVAL: a table that is shorter than it should be
}

function storeDamaged(directory: string, cause: unknown): ShoalError {
  return new ShoalError(
    'STORE_DAMAGED',
    `A part of the store in ${directory} is damaged and cannot be read: run \`shoal verify --repair\`.`,
    { data: { path: directory }, cause },
  );
}

function ioFailure(done: string, directory: string, error: unknown): ShoalError {
  const code = systemCodeOf(rootCause(error));
  const remedy =
    (code === undefined ? undefined : remedies[code]) ?? 'see the cause, check the disk, then start again';
  return new ShoalError('STORE_FAILED', `The store in ${directory} cannot be ${done}: ${remedy}.`, {
    data: { path: directory, systemCode: code },
    cause: error,
  });
}

function isClosed(error: unknown): boolean {
  const code = systemCode(error);
  return (
    code === 'LEVEL_DATABASE_NOT_OPEN' ||
    code === 'LEVEL_ITERATOR_NOT_OPEN' ||
    code === 'LEVEL_BATCH_NOT_OPEN'
  );
}

/** The innermost error: classic-level wraps why an open failed. */
function rootCause(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootCause(error.cause) : error;
}

function systemCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = systemCode(error);
  if (code !== undefined && !code.startsWith('LEVEL_')) return code;
  return systemTexts.find(([text]) => error.message.includes(text))?.[1];
}
