/**
 * Puts one entry in place without ever destroying what the user did meanwhile: the check of what stands there and
 * the act are one synchronous step inside a directory that cannot be exchanged (see safe-path.ts). A path is
 * created with `link`, which fails if something appeared, and replaced with `rename`, which leaves hard links to the
 * old file alone. A directory is removed only when it is empty.
 */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { isShoalError } from '../error.js';
import { baseNameOf, type Entry, mtimeNsOf, parentOf, type RelPath } from '../manifest/index.js';
import { asIoError, isOvertaken, reasonOfBlocking } from './faults.js';
import { type Standing, standingAt } from './file-stat.js';
import type { FileSystemTraits } from './file-system-traits.js';
import { adjustFile, permissionsFor } from './metadata.js';
import type { OpenFile } from './open-file.js';
import {
  type Blocked,
  blocked,
  differs,
  type Expected,
  objection,
  type PlaceRequest,
  type PlaceResult,
  placed,
  type Staged,
} from './place-request.js';
import type { SafePaths } from './safe-path.js';
import type { Temporary, TemporaryFiles } from './temporary.js';

type FileEntry = Extract<Entry, { kind: 'file' }>;
type SymlinkEntry = Extract<Entry, { kind: 'symlink' }>;
/** Runs with the parent directory held, on the device of that number. */
type Act = (target: string, standing: Standing, device: bigint) => PlaceResult;

/** The answers when the directory a path lies in cannot be entered. */
interface Otherwise {
  /** It does not exist; 'create' makes it. */
  readonly missing: PlaceResult | 'create';
  /** Something other than a directory is on the way; blocked if not given. */
  readonly obstructed?: PlaceResult;
}

export interface PlacerParts {
  readonly paths: SafePaths;
  readonly traits: FileSystemTraits;
  readonly temporary: TemporaryFiles;
  readonly read: (path: RelPath) => Promise<OpenFile>;
}

const copyBytes = 1024 * 1024;
const newDirectoryMode = 0o777;
const foldedName = 'this file system takes its name and another one for the same';

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

  /**
   * Writes the content of a file where the user does not see it. It may take its time: what stands at the path
   * is looked at only when it is put in place.
   * @throws as `place`
   */
  async stage(
    entry: FileEntry,
    chunks: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<StagedFile | Blocked> {
    const content = { path: entry.path, size: entry.size, mtimeNs: mtimeNsOf(entry), chunks };
    try {
      return new StagedFile(await this.#parts.temporary.file(content, signal));
    } catch (error) {
      return blockedIfTooLarge(error);
    }
  }

  /** Writes a new file, if it is not staged, and puts it in place of what was expected. */
  async #replace(
    entry: FileEntry,
    expected: Expected,
    content: (() => AsyncIterable<Uint8Array>) | Staged,
    signal?: AbortSignal,
  ): Promise<PlaceResult> {
    const early = this.inspect(entry.path, expected);
    if (early.outcome !== 'placed') return early;
    const staged = typeof content === 'function' ? await this.stage(entry, content(), signal) : content;
    if ('outcome' in staged) return staged;
    assert(staged instanceof StagedFile, 'what is put in place was staged here');
    const { temporary } = staged;
    try {
      return this.#change(entry.path, { missing: 'create' }, (target, standing, device) => {
        const objected = objection(standing, expected);
        if (objected !== undefined) return objected;
        temporary.setPermissions(
          permissionsFor(entry.executable, standing, this.#parts.traits.filePermissions),
        );
        return this.#putInPlace(temporary, target, standing, device);
      });
    } finally {
      await temporary.discard();
    }
  }

  /** Whether it is worth writing the content at all: 'placed' if so. Nothing is made. */
  inspect(path: RelPath, expected: Expected): PlaceResult {
    const missing = objection({ kind: 'absent' }, expected) ?? placed;
    return this.#change(path, { missing }, (_target, standing, device) => {
      return objection(standing, expected) ?? this.#objectionToDevice(device) ?? placed;
    });
  }

  /** Sets executable bit and mtime of the file that stands there; 'shared' if other hard links would get them too. */
  #adjust(entry: FileEntry, expected: Expected): PlaceResult | 'shared' {
    let shared = false;
    const result = this.#change(entry.path, { missing: differs }, (target, standing) => {
      const objected = objection(standing, expected);
      if (objected !== undefined) return objected;
      if (standing.kind !== 'file' || standing.stat.size !== entry.size) return differs;
      shared = standing.links > 1n;
      if (shared) return placed;
      const stat = adjustFile(target, standing.stat, {
        permissions: permissionsFor(entry.executable, standing, this.#parts.traits.filePermissions),
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
      return this.#change(entry.path, { missing: 'create' }, (target, standing, device) => {
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
    return this.#change(path, { missing: 'create' }, (target, standing) => {
      if (standing.kind === 'directory') return placed;
      const objected = objection(standing, expected);
      if (objected !== undefined) return objected;
      if (standing.kind !== 'absent') unlinkSync(target);
      mkdirSync(target, newDirectoryMode);
      return placed;
    });
  }

  #remove(path: RelPath, expected: Expected): PlaceResult {
    // Where a symlink or a file is on the way, nothing of the share stands at the path.
    return this.#change(path, { missing: placed, obstructed: placed }, (target, standing) => {
      if (standing.kind === 'absent') return placed;
      const objected = objection(standing, expected);
      if (objected !== undefined) return objected;
      if (standing.kind === 'directory') rmdirSync(target);
      else unlinkSync(target);
      return placed;
    });
  }

  /** Runs `act` in the directory `path` lies in, and turns system errors into results. */
  #change(path: RelPath, { missing, obstructed }: Otherwise, act: Act): PlaceResult {
    const name = baseNameOf(path);
    const parent = parentOf(path)?.split('/') ?? [];
    const { paths, traits } = this.#parts;
    try {
      const entered = paths.enter(parent, { create: missing === 'create' }, (at, device) => {
        const standing = standingAt(at(name));
        if (standing.kind !== 'absent' && traits.listNames?.(at('.')).includes(name) === false) {
          return missing === 'create' ? blocked(foldedName) : missing;
        }
        return act(at(name), standing, device);
      });
      if (entered.outcome === 'inside') return entered.value;
      if (entered.outcome === 'obstructed') return obstructed ?? blocked(entered.reason);
      return missing === 'create' ? differs : missing;
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
}

class StagedFile implements Staged {
  constructor(readonly temporary: Temporary) {}

  discard(): Promise<void> {
    return this.temporary.discard();
  }
}

/** A file beyond what the file system can hold (4 GiB on FAT) stops that file alone, unlike a full disk. */
function blockedIfTooLarge(error: unknown): Blocked {
  const reason =
    isShoalError(error, 'IO') && error.data.code === 'EFBIG' ? reasonOfBlocking(error.cause) : undefined;
  if (reason === undefined) throw error;
  return blocked(reason);
}

async function* contentOf(source: OpenFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(copyBytes);
  for (let bytes = await source.readInto(buffer); bytes > 0; bytes = await source.readInto(buffer)) {
    yield buffer.subarray(0, bytes);
  }
}
