/**
 * Puts one entry in place without ever destroying what the user did meanwhile: the check of what stands there and
 * the act are one synchronous step inside a directory that cannot be exchanged (see safe-path.ts). A path is
 * created with `link`, which fails if something appeared, and replaced with `rename`, which leaves hard links to the
 * old file alone. A directory is removed only when it is empty.
 */
import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { baseNameOf, type Entry, mtimeNsOf, parentOf, type RelPath } from '../manifest/index.js';
import { asIoError, isOvertaken, reasonOfBlocking } from './faults.js';
import { type FileStat, fileStatOf, type Standing, standingAt, statEquals } from './file-stat.js';
import type { FileSystemTraits } from './file-system-traits.js';
import type { OpenFile } from './open-file.js';
import {
  blocked,
  differs,
  type Expected,
  objection,
  type PlaceRequest,
  type PlaceResult,
  placed,
} from './place-request.js';
import type { SafePaths } from './safe-path.js';
import { asSeconds, type Temporary, type TemporaryFiles } from './temporary.js';

type FileEntry = Extract<Entry, { kind: 'file' }>;
type SymlinkEntry = Extract<Entry, { kind: 'symlink' }>;
/** Runs with the parent directory held, on the device of that number. */
type Act = (target: string, standing: Standing, device: bigint) => PlaceResult;

export interface PlacerParts {
  readonly paths: SafePaths;
  readonly traits: FileSystemTraits;
  readonly temporary: TemporaryFiles;
  readonly read: (path: RelPath) => Promise<OpenFile>;
}

const copyBytes = 1024 * 1024;
const newDirectoryMode = 0o777;
const readBits = 0o444;
const readWriteBits = 0o666;
const ownerExecutes = 0o100;
const foldedName = 'this file system takes its name and another one for the same';
const reopenFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export class Placer {
  readonly #parts: PlacerParts;

  constructor(parts: PlacerParts) {
    this.#parts = parts;
  }

  /**
   * @throws ShoalError IO if the file system failed (full disk): nothing half-written is left; MALFORMED if the
   * content is not of the entry's size; CANCELLED; NOT_A_SHARE; what the content throws
   */
  async place(request: PlaceRequest, signal?: AbortSignal): Promise<PlaceResult> {
    const { entry, expected } = request;
    switch (entry.kind) {
      case 'file':
        return this.#placeFile(entry, request, signal);
      case 'directory':
        return this.#placeDirectory(entry.path, expected);
      case 'symlink':
        return this.#placeSymlink(entry, expected);
      case 'deleted':
        return this.#remove(entry.path, expected);
    }
  }

  async #placeFile(entry: FileEntry, request: PlaceRequest, signal?: AbortSignal): Promise<PlaceResult> {
    const { expected, content } = request;
    if (content !== undefined) return this.#replace(entry, expected, content, signal);
    assert(expected.kind === 'file', 'without content there must be a file to keep');
    const adjusted = this.#adjust(entry, expected);
    if (adjusted !== 'shared') return adjusted;
    const source = await this.#parts.read(entry.path);
    try {
      return await this.#replace(entry, expected, () => contentOf(source), signal);
    } finally {
      await source.close();
    }
  }

  /** Writes a new file and puts it in place of what was expected. */
  async #replace(
    entry: FileEntry,
    expected: Expected,
    content: () => AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<PlaceResult> {
    const early = this.#inspect(entry.path, expected);
    if (early.outcome !== 'placed') return early;
    const whole = { path: entry.path, size: entry.size, mtimeNs: mtimeNsOf(entry), chunks: content() };
    const temporary = await this.#parts.temporary.file(whole, signal);
    try {
      return this.#change(entry.path, 'create', (target, standing, device) => {
        const objected = objection(standing, expected);
        if (objected !== undefined) return objected;
        temporary.setPermissions(this.#permissions(entry.executable, standing));
        return this.#putInPlace(temporary, target, standing, device);
      });
    } finally {
      await temporary.discard();
    }
  }

  /** Whether it is worth writing the content at all: 'placed' if so. Nothing is made. */
  #inspect(path: RelPath, expected: Expected): PlaceResult {
    const ifMissing = objection({ kind: 'absent' }, expected) ?? placed;
    return this.#change(path, ifMissing, (_target, standing, device) => {
      return objection(standing, expected) ?? this.#objectionToDevice(device) ?? placed;
    });
  }

  /** Sets executable bit and mtime of the file that stands there; 'shared' if other hard links would get them too. */
  #adjust(entry: FileEntry, expected: Expected): PlaceResult | 'shared' {
    let shared = false;
    const result = this.#change(entry.path, differs, (target, standing) => {
      const objected = objection(standing, expected);
      if (objected !== undefined) return objected;
      if (standing.kind !== 'file' || standing.stat.size !== entry.size) return differs;
      shared = standing.links > 1n;
      if (shared) return placed;
      const stat = adjustFile(target, standing.stat, {
        permissions: this.#permissions(entry.executable, standing),
        mtimeNs: mtimeNsOf(entry),
      });
      return stat === undefined ? differs : { outcome: 'placed', stat };
    });
    return shared ? 'shared' : result;
  }

  async #placeSymlink(entry: SymlinkEntry, expected: Expected): Promise<PlaceResult> {
    const temporary = this.#makeSymlink(entry);
    if ('outcome' in temporary) return temporary;
    try {
      return this.#change(entry.path, 'create', (target, standing, device) => {
        return objection(standing, expected) ?? this.#putInPlace(temporary, target, standing, device);
      });
    } finally {
      await temporary.discard();
    }
  }

  #makeSymlink(entry: SymlinkEntry): Temporary | PlaceResult {
    try {
      return this.#parts.temporary.symlink(entry.target, mtimeNsOf(entry));
    } catch (error) {
      const reason = reasonOfBlocking(error);
      if (reason !== undefined) return blocked(reason);
      throw asIoError(error, 'write', entry.path);
    }
  }

  #placeDirectory(path: RelPath, expected: Expected): PlaceResult {
    return this.#change(path, 'create', (target, standing) => {
      if (standing.kind === 'directory') return placed;
      const objected = objection(standing, expected);
      if (objected !== undefined) return objected;
      if (standing.kind !== 'absent') unlinkSync(target);
      mkdirSync(target, newDirectoryMode);
      return placed;
    });
  }

  #remove(path: RelPath, expected: Expected): PlaceResult {
    return this.#change(path, placed, (target, standing) => {
      if (standing.kind === 'absent') return placed;
      const objected = objection(standing, expected);
      if (objected !== undefined) return objected;
      if (standing.kind === 'directory') rmdirSync(target);
      else unlinkSync(target);
      return placed;
    });
  }

  /**
   * Runs `act` in the directory `path` lies in, and turns system errors into results.
   * @param ifMissing - the answer when that directory does not exist; 'create' makes it instead
   */
  #change(path: RelPath, ifMissing: PlaceResult | 'create', act: Act): PlaceResult {
    const name = baseNameOf(path);
    const parent = parentOf(path)?.split('/') ?? [];
    const { paths, traits } = this.#parts;
    try {
      const entered = paths.enter(parent, { create: ifMissing === 'create' }, (at, device) => {
        const standing = standingAt(at(name));
        if (standing.kind !== 'absent' && traits.listNames?.(at('.')).includes(name) === false) {
          return ifMissing === 'create' ? blocked(foldedName) : ifMissing;
        }
        return act(at(name), standing, device);
      });
      if (entered.outcome === 'inside') return entered.value;
      if (entered.outcome === 'obstructed') return blocked(entered.reason);
      return ifMissing === 'create' ? differs : ifMissing;
    } catch (error) {
      if (isOvertaken(error)) return differs;
      const reason = reasonOfBlocking(error);
      if (reason !== undefined) return blocked(reason);
      throw asIoError(error, 'write', path);
    }
  }

  /** The result's stat is taken last: link, unlink and rename all change the ctime. */
  #putInPlace(temporary: Temporary, target: string, standing: Standing, device: bigint): PlaceResult {
    const objected = this.#objectionToDevice(device);
    if (objected !== undefined) return objected;
    this.#parts.temporary.enter((at) => {
      const source = at(temporary.name);
      if (standing.kind === 'directory') rmdirSync(target);
      if (standing.kind === 'file' || standing.kind === 'symlink') renameSync(source, target);
      else this.#create(source, target);
    });
    const made = standingAt(target);
    return made.kind === 'file' || made.kind === 'symlink' ? { outcome: 'placed', stat: made.stat } : differs;
  }

  /** Where there are no hard links the last look was only microseconds ago. */
  #create(source: string, target: string): void {
    if (this.#parts.traits.hardLinks) {
      linkSync(source, target);
      unlinkSync(source);
    } else {
      renameSync(source, target);
    }
  }

  #objectionToDevice(device: bigint): PlaceResult | undefined {
    const same = this.#parts.temporary.enter((_at, ownDevice) => ownDevice === device);
    return same ? undefined : blocked('on another file system than .shoal');
  }

  /**
   * A new file gets what the umask leaves. An old one keeps who may read and write it, so that an edit from a peer
   * never opens a private file to others. setuid, setgid and sticky are never set.
   */
  #permissions(executable: boolean, standing: Standing): number {
    const base =
      standing.kind === 'file' ? standing.permissions & readWriteBits : this.#parts.traits.filePermissions;
    return executable ? base | ((base & readBits) >> 2) | ownerExecutes : base;
  }
}

interface Adjustment {
  readonly permissions: number;
  readonly mtimeNs: bigint;
}

/** @returns undefined, with nothing changed, if `target` is another file than `before` */
function adjustFile(
  target: string,
  before: FileStat,
  { permissions, mtimeNs }: Adjustment,
): FileStat | undefined {
  const descriptor = openSync(target, reopenFlags);
  try {
    const opened = fileStatOf(fstatSync(descriptor, { bigint: true }));
    if (!statEquals(opened, before)) return undefined;
    const seconds = asSeconds(mtimeNs);
    fchmodSync(descriptor, permissions);
    futimesSync(descriptor, seconds, seconds);
    return fileStatOf(fstatSync(descriptor, { bigint: true }));
  } finally {
    closeSync(descriptor);
  }
}

async function* contentOf(source: OpenFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(copyBytes);
  for (let bytes = await source.readInto(buffer); bytes > 0; bytes = await source.readInto(buffer)) {
    yield buffer.subarray(0, bytes);
  }
}
