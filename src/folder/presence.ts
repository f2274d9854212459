/**
 * Whether the folder is there, and is the one that was opened. One that was unmounted or exchanged must stop the
 * share, and never look like a folder whose files were all deleted.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { ShoalError, systemCode } from '../error.js';
import { escapeForDisplay } from './display.js';
import { asIoError } from './faults.js';

/** Shoal's own directory, in the root only. */
export const ownDirectoryName = '.shoal';

export interface Identity {
  readonly root: string;
  /** Of `.shoal`. */
  readonly own: string;
  /** Number of the device the root lies on. */
  readonly device: bigint;
}

/** Which directory it is, whatever it is called. */
export function identityOf(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}`;
}

/** @returns undefined if `root` is no directory with `.shoal/` in it */
export async function identify(root: string): Promise<Identity | undefined> {
  try {
    const real = await realpath(root);
    const rootStats = await lstat(real, { bigint: true });
    const ownStats = await lstat(join(real, ownDirectoryName), { bigint: true });
    if (!rootStats.isDirectory() || !ownStats.isDirectory()) return undefined;
    return { root: identityOf(rootStats), own: identityOf(ownStats), device: rootStats.dev };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw asIoError(error, 'look at', root);
  }
}

export function rootIsGone(root: string): ShoalError {
  const message = `The folder ${escapeForDisplay(root)} is gone or is another one now. Mount it or move it back; nothing was deleted.`;
  return new ShoalError('NOT_A_SHARE', message, { data: { path: root } });
}
