/**
 * Quarantine: what stood at a path and was damaged, kept under `.shoal/quarantine/<run>/<path>` before something good
 * takes its place. Nothing is ever removed from it: whoever puts something there first asks how much it holds.
 *
 * A hard link keeps a file without copying it, and without a moment in which nothing stands at the path: a file
 * that was missing after a crash would look like a deletion. It is on the disk when `keep` returns. Where the file
 * system has no links the bytes are copied.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  readlinkSync,
  readSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ShoalError, systemCode } from '../error.js';
import { baseNameOf, parentOf, type RelPath } from '../manifest/index.js';
import { escapeForDisplay } from './display.js';
import { asIoError } from './faults.js';
import { type FileStat, standingAt, statEquals } from './file-stat.js';
import { ownDirectoryName } from './presence.js';
import type { At, SafePaths } from './safe-path.js';

/** What the quarantine holds. */
export interface QuarantineTotals {
  readonly files: number;
  readonly bytes: number;
}

const quarantineName = 'quarantine';
const copyBytes = 1024 * 1024;
const directoryFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const readFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
const ownerOnly = 0o600;
/** Where a link cannot be made: no links here, too many of them, or a file of somebody else's. */
const unlinkable = new Set(['EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV']);

export class Quarantine {
  readonly #root: string;
  readonly #paths: SafePaths;

  constructor(root: string, paths: SafePaths) {
    this.#root = root;
    this.#paths = paths;
  }

  /**
   * Keeps the file or symlink that stands at `path`.
   * @param stat - what is expected to stand there
   * @param run - names the directory; one component
   * @returns the stat it has now, as a link changes the ctime; undefined, with nothing kept, if something else stands
   * there
   * @throws ShoalError IO
   */
  keep(path: RelPath, stat: FileStat, run: string): FileStat | undefined {
    const parent = parentOf(path)?.split('/') ?? [];
    const name = baseNameOf(path);
    const into = [ownDirectoryName, quarantineName, run, ...parent];
    try {
      const entered = this.#paths.enter(parent, { create: false }, (at) => {
        const standing = standingAt(at(name));
        if (standing.kind !== 'file' && standing.kind !== 'symlink') return undefined;
        if (!statEquals(standing.stat, stat)) return undefined;
        const kept = this.#paths.enter(into, { create: true }, (to) => {
          preserve(at(name), to(name), standing.kind);
          return true;
        });
        if (kept.outcome !== 'inside') throw notADirectory(path, into);
        const now = standingAt(at(name));
        return now.kind === standing.kind ? now.stat : undefined;
      });
      this.#syncDirectories(into);
      return entered.outcome === 'inside' ? entered.value : undefined;
    } catch (error) {
      throw asIoError(error, 'keep in quarantine', path);
    }
  }

  async totals(): Promise<QuarantineTotals> {
    return totalsOf(join(this.#root, ownDirectoryName, quarantineName));
  }

  /** The names on the way to what was kept must be on the disk, too. */
  #syncDirectories(components: readonly string[]): void {
    for (let depth = components.length; depth > 0; depth--)
      this.#paths.enter(components.slice(0, depth), { create: false }, syncDirectory);
  }
}

function notADirectory(path: RelPath, components: readonly string[]): ShoalError {
  const where = escapeForDisplay(components.join('/'));
  const message = `Cannot keep ${escapeForDisplay(path)} in quarantine: ${where} is no directory; move it away.`;
  return new ShoalError('IO', message, { data: { path } });
}

function preserve(source: string, target: string, kind: 'file' | 'symlink'): void {
  try {
    linkSync(source, target);
  } catch (error) {
    if (!unlinkable.has(systemCode(error) ?? '')) throw error;
    if (kind === 'file') copy(source, target);
    else symlinkSync(readlinkSync(source, { encoding: 'buffer' }), target);
  }
}

function copy(source: string, target: string): void {
  const from = openSync(source, readFlags);
  try {
    const to = openSync(target, createFlags, ownerOnly);
    try {
      const block = Buffer.allocUnsafe(copyBytes);
      for (let read = readSync(from, block); read > 0; read = readSync(from, block)) {
        for (let written = 0; written < read; ) written += writeSync(to, block, written, read - written);
      }
      fsyncSync(to);
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function syncDirectory(at: At): void {
  const descriptor = openSync(at('.'), directoryFlags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function totalsOf(directory: string): Promise<QuarantineTotals> {
  let [files, bytes] = [0, 0];
  for (const name of await namesIn(directory)) {
    const path = join(directory, name);
    const stats = await lstat(path);
    const below = stats.isDirectory() ? await totalsOf(path) : { files: 1, bytes: stats.size };
    files += below.files;
    bytes += below.bytes;
  }
  return { files, bytes };
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw asIoError(error, 'list', directory);
  }
}
