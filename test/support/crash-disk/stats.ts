/** What `stat` and `readdir` say of things on a crash disk, in the forms of `node:fs`. */
import type { Inode, Kind } from './inode.js';

// Not by `import`, which leads here while a test has put the crash disk in the place of `node:fs`.
const { constants } = process.getBuiltinModule('node:fs');

const deviceNumber = 4711n;
const formats: Readonly<Record<Kind, number>> = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
};

class KindOf {
  readonly #kind: Kind;

  constructor(kind: Kind) {
    this.#kind = kind;
  }

  isFile(): boolean {
    return this.#kind === 'file';
  }

  isDirectory(): boolean {
    return this.#kind === 'directory';
  }

  isSymbolicLink(): boolean {
    return this.#kind === 'symlink';
  }

  isFIFO(): boolean {
    return false;
  }

  isSocket(): boolean {
    return false;
  }
}

interface StatFields {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly size: bigint;
  readonly blocks: bigint;
}

/** `Stats`, or `BigIntStats` if `bigint`. */
export function statsOf(inode: Inode, { bigint = false }: { bigint?: boolean } = {}): object {
  const { attributes } = inode;
  const fields: StatFields = {
    dev: deviceNumber,
    ino: BigInt(inode.number),
    mode: BigInt(formats[inode.kind] | attributes.permissions),
    nlink: BigInt(inode.kind === 'directory' ? 2 : inode.links),
    uid: BigInt(process.getuid?.() ?? 0),
    size: BigInt(inode.size),
    blocks: BigInt(Math.ceil(inode.size / 512)),
  };
  const { mtimeNs, ctimeNs } = attributes;
  if (bigint) return Object.assign(new KindOf(inode.kind), fields, { mtimeNs, ctimeNs });
  const numbers = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, Number(value)]));
  return Object.assign(new KindOf(inode.kind), numbers, {
    mtimeMs: Number(mtimeNs) / 1e6,
    ctimeMs: Number(ctimeNs) / 1e6,
  });
}

/** A `Dirent`. */
export function entryOf({ name, kind }: { name: string; kind: Kind }): object {
  return Object.assign(new KindOf(kind), { name });
}
