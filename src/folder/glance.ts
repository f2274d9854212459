/** A first glance at a folder that is no share yet. */
import { lstatSync } from 'node:fs';
import { isShoalError, systemCode } from '../error.js';
import { IgnoreRules } from './ignore-rules.js';
import { walkRoot } from './walk.js';

export interface Amount {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Whether the files in a directory are more than so many, or have more bytes. It looks no further than to where that is
 * known; no rule ignores any, and a directory that cannot be walked holds none.
 * @param root - an absolute path
 */
export function holdsMoreThan(root: string, { files, bytes }: Amount): boolean {
  let filesFound = 0;
  let bytesFound = 0;
  try {
    const { dev } = lstatSync(root, { bigint: true });
    for (const found of walkRoot({ root, device: dev, ignore: new IgnoreRules('') })) {
      if (found.kind !== 'file') continue;
      filesFound++;
      bytesFound += found.stat.size;
      if (filesFound > files || bytesFound > bytes) return true;
    }
  } catch (error) {
    if (!isShoalError(error, 'IO') && systemCode(error) === undefined) throw error;
  }
  return false;
}
