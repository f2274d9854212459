/**
 * What the folder is asked to put in place, and what came of it.
 */
import type { Entry } from '../manifest/index.js';
import { type FileStat, type Standing, statEquals } from './file-stat.js';
import type { Temporary } from './temporary.js';

/** What the manifest and the stat cache say stands at the path now. */
export type Expected =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file' | 'symlink'; readonly stat: FileStat }
  | { readonly kind: 'directory' };

/** A file's content, written and waiting to be put in place. To be discarded if it never is. */
export type Staged = Pick<Temporary, 'discard'>;

export interface PlaceRequest {
  readonly entry: Entry;
  readonly expected: Expected;
  /**
   * The content of a file: its plain bytes in order, every chunk already checked against its id, or what `stage`
   * made of them. Without it the file that stands there keeps its content, and only its executable bit and mtime are set.
   */
  readonly content?: (() => AsyncIterable<Uint8Array>) | Staged;
}

export type PlaceResult =
  /** The path is as the entry says. `stat` is what the file or symlink really got. */
  | { readonly outcome: 'placed'; readonly stat?: FileStat }
  /** Something else stands there: scan the path and merge again. Nothing at the path was changed. */
  | { readonly outcome: 'differs' }
  /** Cannot be put in place until the user changes something. Nothing at the path was changed. */
  | { readonly outcome: 'blocked'; readonly reason: string };

/** It cannot be put in place, and why. */
export type Blocked = Extract<PlaceResult, { outcome: 'blocked' }>;

export const placed: PlaceResult = { outcome: 'placed' };
export const differs: PlaceResult = { outcome: 'differs' };

export function blocked(reason: string): Blocked {
  return { outcome: 'blocked', reason };
}

/** What to answer if `standing` is not what was expected; undefined if it is. */
export function objection(standing: Standing, expected: Expected): PlaceResult | undefined {
  if (standing.kind === 'other') return blocked(`${standing.what} stands there`);
  if (standing.kind !== expected.kind) return differs;
  if (standing.kind === 'absent' || standing.kind === 'directory') return undefined;
  if (expected.kind === 'absent' || expected.kind === 'directory') return differs;
  return statEquals(standing.stat, expected.stat) ? undefined : differs;
}
