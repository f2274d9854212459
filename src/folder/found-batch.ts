/**
 * What a walk found, many at a time, in columns: so that it crosses from one thread to another cheaply, and most of it,
 * which has not changed, is compared without becoming objects.
 */
import { hashBytes } from '../chunking/index.js';
import type { RelPath } from '../manifest/index.js';
import { decodeFileStat, encodeFileStat, type FileStat, fileStatBytes } from './file-stat.js';
import type { Found } from './found.js';

const kinds = ['file', 'directory', 'symlink', 'blocked', 'unreadable'] as const;
/** No path contains it. */
const separator = '\0';

/** A batch as it travels; its arrays' buffers may be transferred. */
export interface PackedBatch {
  /** Index into `kinds`, of each item. */
  readonly kinds: Uint8Array<ArrayBuffer>;
  /** Of each item, separated; empty where a blocked name is no path. */
  readonly paths: string;
  /** An encoded stat for each item, zeros where it has none. */
  readonly stats: Uint8Array<ArrayBuffer>;
  /** By item: the target of a symlink, or a reason. */
  readonly texts: ReadonlyMap<number, string>;
  /** By item: a blocked name. */
  readonly names: ReadonlyMap<number, string>;
}

export function packBatch(items: readonly Found[]): PackedBatch {
  const stats = new Uint8Array(items.length * fileStatBytes);
  const view = new DataView(stats.buffer);
  const texts = new Map<number, string>();
  const names = new Map<number, string>();
  for (const [index, item] of items.entries()) {
    if ('stat' in item) encodeFileStat(item.stat, view, index * fileStatBytes);
    if ('target' in item) texts.set(index, item.target);
    if ('reason' in item) texts.set(index, item.reason);
    if ('name' in item) names.set(index, item.name);
  }
  return {
    kinds: Uint8Array.from(items, ({ kind }) => kinds.indexOf(kind)),
    paths: items.map(({ path }) => path ?? '').join(separator),
    stats,
    texts,
    names,
  };
}

export class FoundBatch {
  readonly length: number;
  readonly #packed: PackedBatch;
  readonly #stats: DataView;
  #split: readonly string[] | undefined;
  #digest: Uint8Array | undefined;

  constructor(packed: PackedBatch) {
    this.#packed = packed;
    const { buffer, byteOffset, length } = packed.stats;
    this.#stats = new DataView(buffer, byteOffset, length);
    this.length = packed.kinds.length;
  }

  /** Hash of all that was found: equal for batches that are equal in everything. */
  get digest(): Uint8Array {
    this.#digest ??= digestOf(this.#packed);
    return this.#digest;
  }

  get #paths(): readonly string[] {
    this.#split ??= this.#packed.paths.split(separator);
    return this.#split;
  }

  kindAt(index: number): Found['kind'] {
    return kinds[this.#packed.kinds[index] as number] as Found['kind'];
  }

  /** The path of the last item; undefined for a blocked name that is no path, and if there is none. */
  get lastPath(): RelPath | undefined {
    const { paths } = this.#packed;
    const path = paths.slice(paths.lastIndexOf(separator) + 1) as RelPath;
    return path === '' ? undefined : path;
  }

  /** Undefined for a blocked name that is no path. */
  pathAt(index: number): RelPath | undefined {
    const path = this.#paths[index] as RelPath;
    return path === '' ? undefined : path;
  }

  /** Of a file or symlink: `fileStatBytes` of an encoded stat, as a view. */
  statBytesAt(index: number): Uint8Array {
    return this.#packed.stats.subarray(index * fileStatBytes, (index + 1) * fileStatBytes);
  }

  at(index: number): Found {
    const path = this.#paths[index] as RelPath;
    const text = this.#packed.texts.get(index) ?? '';
    const kind = this.kindAt(index);
    switch (kind) {
      case 'directory':
        return { kind, path };
      case 'unreadable':
        return { kind, path, reason: text };
      case 'blocked': {
        const name = this.#packed.names.get(index) ?? '';
        return path.length === 0 ? { kind, name, reason: text } : { kind, path, name, reason: text };
      }
      case 'file':
        return { kind, path, stat: this.#statAt(index) };
      case 'symlink':
        return { kind, path, stat: this.#statAt(index), target: text };
    }
  }

  #statAt(index: number): FileStat {
    return decodeFileStat(this.#stats, index * fileStatBytes);
  }
}

function digestOf({ kinds: codes, paths, stats, texts, names }: PackedBatch): Uint8Array {
  const pathBytes = Buffer.from(paths); // well-formed, all of them
  const front = Uint32Array.of(codes.length, pathBytes.length); // and `stats` is as long as `codes` says
  const rest = Buffer.from(JSON.stringify([[...texts], [...names]]));
  return hashBytes(Buffer.concat([Buffer.from(front.buffer), codes, stats, pathBytes, rest]));
}
