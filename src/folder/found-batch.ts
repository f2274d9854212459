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

/** Packs what a walk finds, a batch at a time. */
export class BatchPacker {
  readonly #kinds: Uint8Array<ArrayBuffer>;
  readonly #stats: Uint8Array<ArrayBuffer>;
  readonly #statsView: DataView;
  #paths: string[] = [];
  #texts = new Map<number, string>();
  #names = new Map<number, string>();

  /** @param itemsMax - in a batch */
  constructor(itemsMax: number) {
    this.#kinds = new Uint8Array(itemsMax);
    this.#stats = new Uint8Array(itemsMax * fileStatBytes);
    this.#statsView = new DataView(this.#stats.buffer);
  }

  /** Whether the batch must be taken before more is added. */
  get isFull(): boolean {
    return this.#paths.length === this.#kinds.length;
  }

  add(item: Found): void {
    const index = this.#paths.length;
    this.#kinds[index] = kinds.indexOf(item.kind);
    this.#paths.push(item.path ?? '');
    switch (item.kind) {
      case 'file':
        encodeFileStat(item.stat, this.#statsView, index * fileStatBytes);
        return;
      case 'symlink':
        encodeFileStat(item.stat, this.#statsView, index * fileStatBytes);
        this.#texts.set(index, item.target);
        return;
      case 'blocked':
        this.#names.set(index, item.name);
        this.#texts.set(index, item.reason);
        return;
      case 'unreadable':
        this.#texts.set(index, item.reason);
        return;
      case 'directory':
    }
  }

  /** The batch of what was added since the last one was taken. */
  take(): PackedBatch {
    const length = this.#paths.length;
    const batch = {
      kinds: this.#kinds.slice(0, length),
      paths: this.#paths.join(separator),
      stats: this.#stats.slice(0, length * fileStatBytes),
      texts: this.#texts,
      names: this.#names,
    };
    this.#stats.fill(0);
    this.#paths = [];
    this.#texts = new Map();
    this.#names = new Map();
    return batch;
  }
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
