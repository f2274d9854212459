/** The copy of a user's folder that the demo works on: the original is only read. */
import { cp, lstat, readdir, realpath, statfs } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { ShoalError, systemCode } from '../../error.js';
import { formatBytes } from '../format.js';
import { printable } from '../printable.js';

/** Three folders, each with a store that holds every chunk once more. */
const copies = 6;
const spareBytes = 200_000_000;

/** @throws ShoalError IO if the file system of `directory` has no room for three peers with `bytes` each */
export async function assertRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const needed = copies * bytes + spareBytes;
  if (bavail * bsize < needed) {
    throw new ShoalError(
      'IO',
      `The demo needs ${formatBytes(needed)} in ${printable(directory)}, and ${formatBytes(bavail * bsize)} are free: make room, or set TMPDIR to another place.`,
    );
  }
}

/** Bytes of all files under `directory`; symlinks are not followed. @throws ShoalError USAGE, IO */
export async function folderBytes(directory: string): Promise<number> {
  let bytes = 0;
  try {
    for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name))).size;
    }
  } catch (cause) {
    throw unreadable(directory, cause);
  }
  return bytes;
}

/** Copies files, directories and symlinks, but no share's `.shoal`. @throws ShoalError USAGE, IO */
export async function copyFolder(from: string, to: string): Promise<void> {
  try {
    const inside = relative(await realpath(from), await realpath(to));
    if (!inside.startsWith('..')) {
      throw new ShoalError(
        'USAGE',
        `${printable(from)} contains the place for temporary files: name another folder, or set TMPDIR.`,
      );
    }
    await cp(from, to, {
      recursive: true,
      verbatimSymlinks: true,
      preserveTimestamps: true,
      filter: isCopied,
    });
  } catch (error) {
    throw error instanceof ShoalError ? error : unreadable(from, error);
  }
}

async function isCopied(path: string): Promise<boolean> {
  if (basename(path) === '.shoal') return false;
  const stat = await lstat(path);
  return stat.isFile() || stat.isDirectory() || stat.isSymbolicLink();
}

function unreadable(directory: string, cause: unknown): ShoalError {
  const code = systemCode(cause) ?? 'unknown error';
  return new ShoalError(
    code === 'ENOENT' || code === 'ENOTDIR' ? 'USAGE' : 'IO',
    `${printable(directory)} cannot be copied for the demo (${printable(code)}): name a folder that can be read.`,
    { cause },
  );
}
