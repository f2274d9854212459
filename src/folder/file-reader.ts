/**
 * Reading many files at once, front to back, in one thread that does nothing else: what the workers of an ingest
 * use. All of it is synchronous. Files of one directory are read in one go, and the next directory is reached from
 * there, since finding the way safely from the root costs as much as reading a small file.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { isShoalError, systemCode } from '../error.js';
import { baseNameOf, parentOf, type RelPath } from '../manifest/index.js';
import { asReasonUnknown } from './faults.js';
import { type FileStat, fileStatOf, statEquals } from './file-stat.js';
import { type OpenedRegular, openRegular, openUnseen } from './open-regular.js';
import { type At, type Enter, SafePaths } from './safe-path.js';

/** What another thread needs to read in the same folder. */
export interface ReaderOptions {
  /** Absolute, without symlinks. */
  readonly root: string;
  /** Of the root, as the folder was opened. */
  readonly identity: string;
  readonly descriptors: boolean;
  /** Whether the file system takes different names for the same. */
  readonly foldsNames: boolean;
}

export interface Piece {
  readonly path: RelPath;
  /** Bytes from the beginning of the file. */
  readonly from: number;
  /** The stat of the file as it was found, if it is to be read from its beginning: one look less is needed then. */
  readonly found?: FileStat | undefined;
}

export type PieceRead =
  /** The whole file, and it has not changed since it was found. */
  | { readonly outcome: 'as-found'; readonly bytes: number }
  /** `isEnd`: the file ends with these bytes, and has not changed since it was opened. */
  | { readonly outcome: 'read'; readonly stat: FileStat; readonly bytes: number; readonly isEnd: boolean }
  /** It changed while it was read, or no regular file stands there any more. */
  | { readonly outcome: 'changed' }
  | { readonly outcome: 'unreadable'; readonly reason: string };

export class FileReader {
  readonly #options: ReaderOptions;
  #paths: SafePaths | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /**
   * Reads `pieces` one behind another into `into`, each up to the end of its file or as far as there is room.
   * @returns one result a piece, in their order; all of them have changed if the root is gone
   */
  read(pieces: readonly Piece[], into: Uint8Array): PieceRead[] {
    try {
      this.#paths ??= SafePaths.of(this.#options);
    } catch (error) {
      const failure = failureOf(error);
      return pieces.map(() => failure);
    }
    return this.#paths.visit((enter) => readAll(enter, pieces, into));
  }
}

function readAll(enter: Enter, pieces: readonly Piece[], into: Uint8Array): PieceRead[] {
  const results: PieceRead[] = [];
  let used = 0;
  for (let first = 0; first < pieces.length; ) {
    const parent = parentOf((pieces[first] as Piece).path);
    let end = first + 1;
    while (end < pieces.length && parentOf((pieces[end] as Piece).path) === parent) end++;
    for (const result of readSiblings(enter, parent, pieces.slice(first, end), into.subarray(used))) {
      results.push(result);
      if ('bytes' in result) used += result.bytes;
    }
    first = end;
  }
  return results;
}

function readSiblings(
  enter: Enter,
  parent: RelPath | undefined,
  pieces: readonly Piece[],
  into: Uint8Array,
): PieceRead[] {
  const read = (at: At): PieceRead[] => {
    const results: PieceRead[] = [];
    let used = 0;
    for (const piece of pieces) {
      const result = readPiece(at(baseNameOf(piece.path)), piece, into.subarray(used));
      if ('bytes' in result) used += result.bytes;
      results.push(result);
    }
    return results;
  };
  try {
    const entered = enter(parent?.split('/') ?? [], read);
    if (entered.outcome === 'inside') return entered.value;
    return pieces.map(() => ({ outcome: 'changed' }));
  } catch (error) {
    const failure = failureOf(error);
    return pieces.map(() => failure);
  }
}

function readPiece(path: string, { from, found }: Piece, into: Uint8Array): PieceRead {
  try {
    if (found !== undefined && readAsFound(path, found, into))
      return { outcome: 'as-found', bytes: found.size };
    const opened = openRegular(path);
    if (opened === undefined) return { outcome: 'changed' };
    try {
      return readDescriptor(opened, from, into);
    } finally {
      closeSync(opened.descriptor);
    }
  } catch (error) {
    return failureOf(error);
  }
}

function readDescriptor({ descriptor, stats }: OpenedRegular, from: number, into: Uint8Array): PieceRead {
  const stat = fileStatOf(stats);
  const bytes = Math.min(into.length, stat.size - from);
  if (bytes < 0 || !readFully(descriptor, from, into.subarray(0, bytes))) return { outcome: 'changed' };
  const isEnd = from + bytes === stat.size;
  if (isEnd && !isUnchanged(descriptor, stat)) return { outcome: 'changed' };
  return { outcome: 'read', stat, bytes, isEnd };
}

/** Reads a whole file. @returns false if it is not as it was found, or does not fit, or cannot be read */
function readAsFound(path: string, found: FileStat, into: Uint8Array): boolean {
  if (found.size > into.length) return false;
  const descriptor = openUnseen(path);
  try {
    return readFully(descriptor, 0, into.subarray(0, found.size)) && isUnchanged(descriptor, found);
  } catch {
    return false; // It is read once more, in the longer way, which says what it is.
  } finally {
    closeSync(descriptor);
  }
}

/** @returns false if the file ends before */
function readFully(descriptor: number, from: number, into: Uint8Array): boolean {
  for (let bytes = 0; bytes < into.length; ) {
    const count = readSync(descriptor, into, bytes, into.length - bytes, from + bytes);
    if (count === 0) return false;
    bytes += count;
  }
  return true;
}

/** A file that lost its name to another one meanwhile has another ctime by that, and is found anew in any case. */
function isUnchanged(descriptor: number, stat: FileStat): boolean {
  return statEquals(fileStatOf(fstatSync(descriptor, { bigint: true })), stat);
}

/** ELOOP: a symlink stands there now. ENXIO: a socket. */
function failureOf(error: unknown): PieceRead {
  if (isShoalError(error, 'NOT_A_SHARE')) return { outcome: 'changed' };
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO') return { outcome: 'changed' };
  return { outcome: 'unreadable', reason: asReasonUnknown(error) };
}
