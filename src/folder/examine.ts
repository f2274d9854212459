/**
 * One listed name, or one path, turned into a `Found`. Shared by the walk and by the look at a single path.
 */
import { type BigIntStats, lstatSync, readlinkSync } from 'node:fs';
import { isShoalError, type ShoalError, systemCode } from '../error.js';
import { joinRelPath, type RelPath } from '../manifest/index.js';
import { decodeUtf8, escapeForDisplay } from './display.js';
import { asReasonUnknown } from './faults.js';
import { fileStatOf, isSymlink, standingOf } from './file-stat.js';
import { type Found, reasonAgainstTarget } from './found.js';
import type { IgnoreRules } from './ignore-rules.js';
import type { Listed } from './listing.js';

export interface Examined {
  readonly found: Found;
  /** Given for a directory to go into. */
  readonly stats?: BigIntStats;
}

export interface Surroundings {
  /** Absolute path of the share's root. */
  readonly root: string;
  /** Device number of the file system the share lies on. */
  readonly device: bigint;
  readonly ignore: IgnoreRules;
}

/**
 * @param parent - undefined for the root
 * @returns undefined if it is ignored, or gone again
 */
export function examine(
  around: Surroundings,
  parent: RelPath | undefined,
  listed: Listed,
): Examined | undefined {
  if ('invalidName' in listed) {
    const name = parent === undefined ? '' : `${escapeForDisplay(parent)}/`;
    return {
      found: { kind: 'blocked', name: name + listed.invalidName, reason: 'the name is not valid UTF-8' },
    };
  }
  const path = pathOf(parent, listed.name);
  if (typeof path !== 'string') return { found: path };
  if (around.ignore.ignores(path, listed.isDirectory ? 'directory' : 'other')) return undefined;
  return examinePath(around, path);
}

/** @returns undefined if nothing stands there */
function examinePath(around: Surroundings, path: RelPath): Examined | undefined {
  const absolute = `${around.root}/${path}`;
  try {
    const stats = lstatSync(absolute, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    const target = isSymlink(stats) ? readlinkSync(absolute, { encoding: 'buffer' }) : undefined;
    return classify(around, path, stats, target);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    return { found: { kind: 'unreadable', path, reason: asReasonUnknown(error) } };
  }
}

/** @param target - of a symlink, as stored */
export function classify(
  around: Pick<Surroundings, 'device'>,
  path: RelPath,
  stats: BigIntStats,
  target: Uint8Array | undefined,
): Examined {
  const standing = standingOf(stats);
  switch (standing.kind) {
    case 'file':
      return { found: { kind: 'file', path, stat: standing.stat } };
    case 'directory':
      return classifyDirectory(around, path, stats);
    case 'symlink':
      return { found: classifySymlink(path, stats, target ?? new Uint8Array()) };
    case 'other':
      return { found: blocked(path, `${standing.what} cannot be synced`) };
  }
}

/**
 * Another file system mounted in the share is left alone: nothing can be put in place there by `rename`, and when
 * it is unmounted all of it would seem deleted.
 */
function classifyDirectory(
  around: Pick<Surroundings, 'device'>,
  path: RelPath,
  stats: BigIntStats,
): Examined {
  if (stats.dev === around.device) return { found: { kind: 'directory', path }, stats };
  return { found: { kind: 'unreadable', path, reason: 'another file system is mounted there' } };
}

function classifySymlink(path: RelPath, stats: BigIntStats, bytes: Uint8Array): Found {
  const target = decodeUtf8(bytes);
  const reason = reasonAgainstTarget(bytes, target);
  if (target === undefined || reason !== undefined) return blocked(path, reason ?? '');
  return { kind: 'symlink', path, stat: fileStatOf(stats), target };
}

function blocked(path: RelPath, reason: string): Found {
  return { kind: 'blocked', path, name: escapeForDisplay(path), reason };
}

function pathOf(parent: RelPath | undefined, name: string): RelPath | (Found & { kind: 'blocked' }) {
  try {
    return joinRelPath(parent, name);
  } catch (error) {
    if (!isShoalError(error, 'PATH_REJECTED')) throw error;
    const full = parent === undefined ? name : `${parent}/${name}`;
    return { kind: 'blocked', name: escapeForDisplay(full), reason: reasonIn(error) };
  }
}

function reasonIn(error: ShoalError): string {
  return typeof error.data.reason === 'string' ? error.data.reason : error.message;
}
