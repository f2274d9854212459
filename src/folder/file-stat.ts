/**
 * What the file system says about a path, always by `lstat`: a symlink is itself and is never followed.
 */
import { type BigIntStats, constants, lstatSync } from 'node:fs';

/** Everything that changes when a file's content does, and the executable bit. Local to one device. */
export interface FileStat {
  /** Bytes. */
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: bigint;
  /** Whether the owner may execute it. */
  readonly executable: boolean;
}

/** What stands at a path. `other` is a FIFO, a socket or a device: reported, never opened or replaced. */
export type Standing =
  | { readonly kind: 'absent' }
  | { readonly kind: 'file'; readonly stat: FileStat; readonly permissions: number; readonly links: bigint }
  | { readonly kind: 'symlink'; readonly stat: FileStat }
  | { readonly kind: 'directory' }
  | { readonly kind: 'other'; readonly what: string };

const ownerExecutes = 0o100;
const permissionBits = 0o777;

export function fileStatOf(stats: BigIntStats): FileStat {
  const mode = Number(stats.mode);
  return {
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    inode: stats.ino,
    executable: typeOf(mode) === constants.S_IFREG && (mode & ownerExecutes) !== 0,
  };
}

export function isSymlink(stats: BigIntStats): boolean {
  return typeOf(Number(stats.mode)) === constants.S_IFLNK;
}

/** As a number: `isFile` and the like of Node's make three bigints for each answer. */
function typeOf(mode: number): number {
  return mode & constants.S_IFMT;
}

/** Bytes of an encoded `FileStat`: two are equal by `statEquals` just if their bytes are. */
export const fileStatBytes = 33;

/** Size, mtime, ctime, inode (8 bytes each, little endian), executable (1). */
export function encodeFileStat(stat: FileStat, into: DataView, at: number): void {
  if (stat instanceof EncodedStat) {
    stat.copyTo(into, at);
    return;
  }
  into.setBigUint64(at, BigInt(stat.size), true);
  into.setBigInt64(at + 8, stat.mtimeNs, true);
  into.setBigInt64(at + 16, stat.ctimeNs, true);
  into.setBigUint64(at + 24, stat.inode, true);
  into.setUint8(at + 32, stat.executable ? 1 : 0);
}

/**
 * A stat where it lies encoded. What is asked for is decoded then, and encoding it again is copying it: a scan makes four
 * bigints fewer of each file so, and makes none of most.
 */
class EncodedStat implements FileStat {
  constructor(
    private readonly from: DataView,
    private readonly at: number,
  ) {}

  get size(): number {
    return this.from.getUint32(this.at, true) + this.from.getUint32(this.at + 4, true) * 2 ** 32;
  }

  get mtimeNs(): bigint {
    return this.from.getBigInt64(this.at + 8, true);
  }

  get ctimeNs(): bigint {
    return this.from.getBigInt64(this.at + 16, true);
  }

  get inode(): bigint {
    return this.from.getBigUint64(this.at + 24, true);
  }

  get executable(): boolean {
    return this.from.getUint8(this.at + 32) === 1;
  }

  copyTo(into: DataView, at: number): void {
    for (let word = 0; word < 32; word += 4)
      into.setUint32(at + word, this.from.getUint32(this.at + word, true), true);
    into.setUint8(at + 32, this.from.getUint8(this.at + 32));
  }
}

/** `stats` one behind another, `fileStatBytes` each. */
export function encodeFileStats(stats: readonly FileStat[]): Uint8Array {
  const bytes = new Uint8Array(stats.length * fileStatBytes);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < stats.length; index++)
    encodeFileStat(stats[index] as FileStat, view, index * fileStatBytes);
  return bytes;
}

/** What `encodeFileStat` wrote. @param from - must stay as it is */
export function decodeFileStat(from: DataView, at: number): FileStat {
  return new EncodedStat(from, at);
}

/** Whether the file is, by all signs, untouched between two looks at it. */
export function statEquals(a: FileStat, b: FileStat): boolean {
  if (a === b) return true;
  return (
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs &&
    a.inode === b.inode &&
    a.executable === b.executable
  );
}

export function standingOf(stats: BigIntStats): Exclude<Standing, { kind: 'absent' }> {
  const mode = Number(stats.mode);
  switch (typeOf(mode)) {
    case constants.S_IFREG: {
      const permissions = mode & permissionBits;
      return { kind: 'file', stat: fileStatOf(stats), permissions, links: stats.nlink };
    }
    case constants.S_IFDIR:
      return { kind: 'directory' };
    case constants.S_IFLNK:
      return { kind: 'symlink', stat: fileStatOf(stats) };
    default:
      return { kind: 'other', what: kindOfOther(stats) };
  }
}

/** @throws the system error, other than that nothing is there */
export function standingAt(path: string): Standing {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? { kind: 'absent' } : standingOf(stats);
}

function kindOfOther(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
