/**
 * What a crash disk records: every change of its state, in the order in which the program made them, with enough in it
 * to be made again on the state before it.
 */
import type { Attributes, Birth } from './inode.js';

/** A name in a directory now means another inode, or nothing. */
export interface NameChange {
  readonly directory: number;
  readonly name: string;
  readonly inode: number | undefined;
}

/** A change of what is in a file. */
export type DataOperation =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'resize'; readonly size: number };

export type Operation = { readonly text: string } & (
  | {
      readonly kind: 'data';
      readonly inode: number;
      readonly data: DataOperation;
      readonly attributes: Attributes;
    }
  | { readonly kind: 'attributes'; readonly inode: number; readonly attributes: Attributes }
  /** All of `changes` or none. */
  | {
      readonly kind: 'names';
      readonly changes: readonly NameChange[];
      readonly made?: Birth;
      /** Inodes whose ctime this changed. */
      readonly touched: readonly { readonly inode: number; readonly attributes: Attributes }[];
    }
  /** `data`: fdatasync, which leaves times and permissions out. */
  | { readonly kind: 'sync'; readonly inode: number; readonly how: 'all' | 'data' }
  /** A sync that failed: as on Linux, what it should have written counts as clean and is not tried again. */
  | { readonly kind: 'failed sync'; readonly inode: number }
);

/** The last operations before a crash, for a person who looks for the reason. */
export function describeOperations(operations: readonly Operation[], count: number, shown = 12): string {
  const first = Math.max(0, count - shown);
  return operations
    .slice(first, count)
    .map(({ text }, index) => `  ${first + index}: ${text}`)
    .join('\n');
}
