/**
 * Shares in new temporary directories, and entries to put into them. Everything made here is removed after each test.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { FileSystemTraits } from '../../src/folder/file-system-traits.js';
import { IgnoreRules } from '../../src/folder/ignore-rules.js';
import { Folder, type Found } from '../../src/folder/index.js';
import { type Entry, parseRelPath, type RelPath } from '../../src/manifest/index.js';

export const noRules = new IgnoreRules('');
export const someTimeNs = 1_700_000_000_500_000_000n;
const nobody = 65534;
const made: string[] = [];

afterEach(() => {
  for (const directory of made.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A new directory, without symlinks in its path. */
export function scratchDirectory(parent = tmpdir()): string {
  const directory = realpathSync(mkdtempSync(join(parent, 'shoal-folder-')));
  chmodSync(directory, 0o755);
  made.push(directory);
  return directory;
}

/** A share in a new directory. */
export async function scratchShare(traits: Partial<FileSystemTraits> = {}): Promise<Folder> {
  const root = scratchDirectory();
  mkdirSync(join(root, '.shoal'));
  return Folder.open(root, traits);
}

/** A FIFO, which Node itself cannot make. */
export function makeFifo(path: string): void {
  execFileSync(process.env.SHELL ?? '/bin/sh', ['-c', 'mkfifo "$0"', path]);
}

export function at(path: string): RelPath {
  return parseRelPath(path);
}

const version = new Map([['00000000000000aa', 1]]);
function writes(mtimeNs: bigint) {
  return [{ actor: '00000000000000aa', counter: 1, mtimeNs }];
}

export interface FileOptions {
  readonly executable?: boolean;
  readonly mtimeNs?: bigint;
}

export function fileEntry(
  path: string,
  size: number,
  options: FileOptions = {},
): Extract<Entry, { kind: 'file' }> {
  const { executable = false, mtimeNs = someTimeNs } = options;
  const recipe = { depth: 0, parts: [] };
  return { kind: 'file', path: at(path), executable, size, recipe, version, writes: writes(mtimeNs) };
}

export function directoryEntry(path: string): Entry {
  return { kind: 'directory', path: at(path), version, writes: writes(someTimeNs) };
}

export function symlinkEntry(path: string, target: string): Entry {
  return { kind: 'symlink', path: at(path), target, version, writes: writes(someTimeNs) };
}

export function deletedEntry(path: string): Entry {
  return { kind: 'deleted', path: at(path), version };
}

/** The chunks of a file; functions among them are run when their turn comes. */
export function chunks(...parts: (string | (() => void))[]): () => AsyncGenerator<Uint8Array> {
  return async function* () {
    for (const part of parts) {
      if (typeof part === 'string') yield new TextEncoder().encode(part);
      else part();
    }
  };
}

/** What the stat cache would hold for `path`. */
export async function expectedAt(folder: Folder, path: string) {
  const found = await folder.look(at(path), noRules);
  if (found?.kind === 'file' || found?.kind === 'symlink') return { kind: found.kind, stat: found.stat };
  if (found?.kind === 'directory') return { kind: 'directory' } as const;
  return { kind: 'absent' } as const;
}

export async function collect(found: AsyncIterable<Found>): Promise<Found[]> {
  const all: Found[] = [];
  for await (const one of found) all.push(one);
  return all;
}

/** Each as `kind path`. */
export function summary(found: readonly Found[]): string[] {
  return found.map((one) => `${one.kind} ${one.kind === 'blocked' ? one.name : one.path}`);
}

/**
 * Runs `act` as a user whom permissions bind: root may read everything, so the tests of what cannot be read give
 * up its rights for a while. The directory is given to that user first.
 */
export async function asOrdinaryUser<T>(directories: readonly string[], act: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return act();
  for (const directory of directories) chownSync(directory, nobody, nobody);
  process.setegid?.(nobody);
  process.seteuid?.(nobody);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
    for (const directory of directories) chmodSync(directory, 0o755);
  }
}
