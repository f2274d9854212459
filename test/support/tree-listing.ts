/**
 * What stands in a folder, as far as Shoal keeps it identical: kind, executable bit, bytes, targets, and the times
 * of files and symlinks. `.shoal/`, and things Shoal does not sync (FIFOs, names that are not UTF-8), are left out.
 */
import { createHash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface Thing {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly executable: boolean;
  readonly size: number;
  /** Undefined for directories: their times are not synced. */
  readonly mtimeNs: bigint | undefined;
  /** A symlink's target; a file's SHA-256 in a listing with content. */
  readonly content: string;
}

/** By path from the folder's root. */
export type Listing = ReadonlyMap<string, Thing>;

/** Times are set as doubles, about 0.2 us off. */
const mtimeToleranceNs = 2000n;

/** @param options.content - whether to read and hash every file, too */
export async function listTree(root: string, options: { content: boolean }): Promise<Listing> {
  const things = new Map<string, Thing>();
  await listDirectory(root, '', options.content, things);
  return things;
}

/** Everything in which two listings differ, a line each; none if they are equal. */
export function differences(a: Listing, b: Listing): string[] {
  const lines: string[] = [];
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    const left = a.get(path);
    const right = b.get(path);
    if (left === undefined || right === undefined || !isSame(left, right))
      lines.push(`${JSON.stringify(path)}: ${show(left)} against ${show(right)}`);
  }
  return lines;
}

/** SHA-256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function listDirectory(
  root: string,
  under: string,
  withContent: boolean,
  things: Map<string, Thing>,
): Promise<void> {
  for (const found of await readdir(join(root, under), { withFileTypes: true })) {
    const path = under === '' ? found.name : `${under}/${found.name}`;
    if (path === '.shoal' || found.name.includes('\uFFFD')) continue;
    const thing = await look(join(root, path), found, withContent);
    if (thing === undefined) continue;
    things.set(path, thing);
    if (thing.kind === 'directory') await listDirectory(root, path, withContent, things);
  }
}

async function look(path: string, found: Dirent, withContent: boolean): Promise<Thing | undefined> {
  if (found.isDirectory())
    return { kind: 'directory', executable: false, size: 0, mtimeNs: undefined, content: '' };
  if (!found.isFile() && !found.isSymbolicLink()) return undefined;
  const stat = await lstat(path, { bigint: true });
  const common = { size: Number(stat.size), mtimeNs: stat.mtimeNs };
  if (found.isSymbolicLink())
    return { ...common, kind: 'symlink', executable: false, content: await readlink(path) };
  const content = withContent ? await hashFile(path) : '';
  return { ...common, kind: 'file', executable: (stat.mode & 0o100n) !== 0n, content };
}

function isSame(a: Thing, b: Thing): boolean {
  return (
    a.kind === b.kind &&
    a.executable === b.executable &&
    a.size === b.size &&
    a.content === b.content &&
    isSameTime(a.mtimeNs, b.mtimeNs)
  );
}

function isSameTime(a: bigint | undefined, b: bigint | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a - b <= mtimeToleranceNs && b - a <= mtimeToleranceNs;
}

function show(thing: Thing | undefined): string {
  if (thing === undefined) return 'nothing';
  const { kind, executable, size, mtimeNs, content } = thing;
  return `${kind}${executable ? ', executable' : ''}, ${size} bytes, mtime ${mtimeNs ?? 'any'}, ${content.slice(0, 16)}`;
}
