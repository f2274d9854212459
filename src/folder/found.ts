/**
 * What a look at the folder can find. The scan turns these into entries; what is not understood is said as such,
 * so that it is never taken for a deletion.
 */
import type { RelPath } from '../manifest/index.js';
import type { FileStat } from './file-stat.js';

export type Found =
  | { readonly kind: 'file'; readonly path: RelPath; readonly stat: FileStat }
  | { readonly kind: 'directory'; readonly path: RelPath }
  | { readonly kind: 'symlink'; readonly path: RelPath; readonly stat: FileStat; readonly target: string }
  /**
   * Something that no entry can describe: a FIFO, a name that is not UTF-8. `name` is relative and escaped for
   * display. `path` is given when the name itself is sound; then nothing that can be synced stands there.
   */
  | { readonly kind: 'blocked'; readonly path?: RelPath; readonly name: string; readonly reason: string }
  /** What stands at `path` and below it is unknown: no entry there may be taken for deleted. */
  | { readonly kind: 'unreadable'; readonly path: RelPath; readonly reason: string };

/** Bytes of UTF-8; more than any system allows is no symlink of ours. */
const targetBytesMax = 4096;

/** Why a symlink with these bytes as target cannot be synced, or undefined. @param text - the bytes as UTF-8, if they are */
export function reasonAgainstTarget(bytes: Uint8Array, text: string | undefined): string | undefined {
  if (bytes.length > targetBytesMax) return `a symlink whose target is longer than ${targetBytesMax} bytes`;
  return text === undefined ? 'a symlink whose target is not valid UTF-8' : undefined;
}
