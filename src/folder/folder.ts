/**
 * The user's folder: the one object through which the rest of Shoal sees and changes files. It knows nothing of
 * chunks, stores and peers. Every path goes through safe-path.ts, so nothing outside the folder is read or written.
 */
import { lstatSync, mkdirSync, readlinkSync } from 'node:fs';
import { realpath, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ShoalError, systemCode } from '../error.js';
import { baseNameOf, type Entry, parentOf, parseRelPath, type RelPath } from '../manifest/index.js';
import { decodeUtf8, escapeForDisplay } from './display.js';
import { classify, type Examined } from './examine.js';
import { asIoError, asReasonUnknown } from './faults.js';
import type { ReaderOptions } from './file-reader.js';
import { type FileStat, type fileStatOf, standingAt } from './file-stat.js';
import { type FileSystemTraits, probeFileSystem } from './file-system-traits.js';
import { type Found, reasonAgainstTarget } from './found.js';
import type { FoundBatch } from './found-batch.js';
import { IgnoreRules, ignoreFileBytesMax, ignoreFileName } from './ignore-rules.js';
import { DescriptorFile, type OpenFile } from './open-file.js';
import { openRegular } from './open-regular.js';
import { Placer } from './place.js';
import type { Blocked, Expected, PlaceRequest, PlaceResult, Staged } from './place-request.js';
import { PlaceSync } from './place-sync.js';
import { type Identity, identify, rootIsGone } from './presence.js';
import { Quarantine, type QuarantineTotals } from './quarantine.js';
import { type At, type Entered, SafePaths } from './safe-path.js';
import { TemporaryFiles, temporaryDirectory } from './temporary.js';
import { walkFrom } from './walk.js';
import { streamDivided, streamGrowing, streamHere } from './walk-stream.js';
import { FolderWatch, type OnError, type OnHint, type Watching } from './watch.js';

export interface WalkOptions {
  readonly ignore: IgnoreRules;
  /** Only what stands at this path and below it. */
  readonly under?: RelPath;
  /** Where a large folder can be divided, if that is known: then another thread walks the second half. */
  readonly middle?: RelPath | undefined;
  readonly signal?: AbortSignal;
}

const ownDirectoryMode = 0o700;
const noRules = new IgnoreRules('');

export class Folder {
  /** Absolute, without symlinks. */
  readonly root: string;
  readonly #identity: Identity;
  readonly #paths: SafePaths;
  readonly #temporary: TemporaryFiles;
  readonly #placer: Placer;
  readonly #quarantine: Quarantine;
  /** For a `FileReader` in another thread. */
  readonly readerOptions: ReaderOptions;

  private constructor(root: string, identity: Identity, traits: FileSystemTraits) {
    this.root = root;
    this.readerOptions = {
      root,
      identity: identity.root,
      descriptors: traits.descriptors,
      foldsNames: traits.listNames !== undefined,
    };
    this.#identity = identity;
    this.#paths = new SafePaths(root, traits);
    this.#temporary = new TemporaryFiles(root, this.#paths);
    const read = (path: RelPath): Promise<OpenFile> => this.read(path);
    this.#quarantine = new Quarantine(root, this.#paths);
    this.#placer = new Placer({ paths: this.#paths, temporary: this.#temporary, traits, read });
  }

  /**
   * @param root - a directory that holds `.shoal/`
   * @param traits - what is known of the file system; the rest is found out by trying it
   * @throws ShoalError NOT_A_SHARE; IO if nothing can be written in `.shoal/tmp`
   */
  static async open(root: string, traits: Partial<FileSystemTraits> = {}): Promise<Folder> {
    const identity = await identify(root);
    if (identity === undefined) {
      const message = `${escapeForDisplay(root)} is not a share. Make it one with "shoal init" or "shoal join".`;
      throw new ShoalError('NOT_A_SHARE', message, { data: { path: root } });
    }
    const real = await realpath(root);
    const temporary = join(real, ...temporaryDirectory);
    try {
      mkdirSync(temporary, { recursive: true, mode: ownDirectoryMode });
      return new Folder(real, identity, { ...probeFileSystem(temporary), ...traits });
    } catch (error) {
      throw asIoError(error, 'write in', temporary);
    }
  }

  /**
   * Before each scan and each apply: a folder that was unmounted or exchanged must stop the share, never look like
   * one whose files were all deleted.
   * @throws ShoalError NOT_A_SHARE
   */
  async assertPresent(): Promise<void> {
    const now = await identify(this.root);
    if (now?.root !== this.#identity.root || now.own !== this.#identity.own) throw rootIsGone(this.root);
  }

  /**
   * The rules of `.shoalignore`; none if it does not exist.
   * @throws ShoalError IO or LIMIT if it is there and cannot be used: to go on without it would sync what the user
   * wanted to keep out
   */
  async loadIgnore(): Promise<IgnoreRules> {
    const path = parseRelPath(ignoreFileName);
    const found = await this.look(path, noRules);
    if (found === undefined) return noRules;
    if (found.kind === 'unreadable')
      throw new ShoalError('IO', `Cannot read ${ignoreFileName}: ${found.reason}.`, { data: { path } });
    const file = await this.read(path);
    try {
      return new IgnoreRules(await readIgnoreText(file));
    } finally {
      await file.close();
    }
  }

  /**
   * Everything in the folder that no rule ignores, `.shoal` left out, in the order of `compareRelPath`. The folder
   * must not be taken for scanned before the generator has ended: only then is it sure that it was there all along.
   * @throws ShoalError NOT_A_SHARE, IO, CANCELLED
   */
  async *walk(options: WalkOptions): AsyncGenerator<FoundBatch> {
    const { ignore, under, middle, signal } = options;
    const around = { root: this.root, device: this.#identity.device };
    await this.assertPresent();
    let batches: AsyncGenerator<FoundBatch>;
    if (under !== undefined) {
      const start = this.#examine(under, ignore);
      batches = streamHere(start === undefined ? [] : walkFrom({ ...around, ignore }, start));
    } else if (middle !== undefined) {
      batches = streamDivided({ ...around, ignore }, middle);
    } else batches = streamGrowing({ ...around, ignore });
    for await (const batch of batches) {
      yield batch;
      if (signal?.aborted)
        throw new ShoalError('CANCELLED', 'The scan was cancelled.', { cause: signal.reason });
    }
    await this.assertPresent();
  }

  /** What stands at one path. @returns undefined if nothing does, a parent is no directory, or it is ignored */
  async look(path: RelPath, ignore: IgnoreRules): Promise<Found | undefined> {
    return this.#examine(path, ignore)?.found;
  }

  /**
   * Opens a regular file; no symlink is followed on the way or at the end.
   * @throws ShoalError IO; `data.code` is ENOENT if no regular file stands there
   */
  async read(path: RelPath): Promise<OpenFile> {
    try {
      const entered = this.#enterParent(path, (target) => openRegular(target));
      const opened = entered.outcome === 'inside' ? entered.value : undefined;
      if (opened !== undefined) return new DescriptorFile(opened, path, () => this.#statOf(path));
    } catch (error) {
      const code = systemCode(error);
      // ELOOP: a symlink. ENXIO: a socket.
      if (code !== 'ENOENT' && code !== 'ELOOP' && code !== 'ENXIO') throw asIoError(error, 'read', path);
    }
    const message = `Cannot read ${escapeForDisplay(path)}: no regular file stands there.`;
    throw new ShoalError('IO', message, { data: { path, code: 'ENOENT' } });
  }

  /**
   * The target of a symlink, as text.
   * @throws ShoalError IO; `data.code` is ENOENT if no symlink stands there or its target cannot be synced
   */
  async readTarget(path: RelPath): Promise<string> {
    try {
      const entered = this.#enterParent(path, (target) => readlinkSync(target, { encoding: 'buffer' }));
      if (entered.outcome === 'inside') {
        const target = decodeUtf8(entered.value);
        if (target !== undefined && reasonAgainstTarget(entered.value, target) === undefined) return target;
      }
    } catch (error) {
      // EINVAL: something that is no symlink.
      if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'EINVAL')
        throw asIoError(error, 'read', path);
    }
    const message = `Cannot read ${escapeForDisplay(path)}: no symlink that can be synced stands there.`;
    throw new ShoalError('IO', message, { data: { path, code: 'ENOENT' } });
  }

  /** Whether a file could be put in place now: 'placed' if so; nothing is changed. @see Placer.inspect */
  inspect(path: RelPath, expected: Expected): PlaceResult {
    return this.#placer.inspect(path, expected);
  }

  /** Writes the content of a file, to be put in place later. @see Placer.stage */
  stage(
    entry: Extract<Entry, { kind: 'file' }>,
    content: AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<Staged | Blocked> {
    return this.#placer.stage(entry, content, signal);
  }

  /** Puts one entry in place. @see Placer.place */
  place(request: PlaceRequest, signal?: AbortSignal): Promise<PlaceResult> {
    return this.#placer.place(request, signal);
  }

  /** Keeps what stands at `path` before something good takes its place. @see Quarantine.keep */
  keepInQuarantine(path: RelPath, stat: FileStat, run: string): FileStat | undefined {
    return this.#quarantine.keep(path, stat, run);
  }

  /** What the quarantine holds. */
  quarantineTotals(): Promise<QuarantineTotals> {
    return this.#quarantine.totals();
  }

  /**
   * Puts on the disk what was put in place: the names in the directories that `paths` lie in, and in those above, and the
   * times and permissions of `adjusted` files. Contents are not synced: a torn one can be told (share/torn.ts), but a name
   * or a time that a power cut took back would look like the work of the user.
   * @throws ShoalError IO
   */
  async syncPlaces(paths: Iterable<RelPath>, adjusted: readonly RelPath[] = []): Promise<void> {
    await new PlaceSync(this.#paths).run(paths, adjusted);
  }

  /** Empties `.shoal/tmp`; only for who holds the share's lock. @returns how many files were left there */
  async cleanTemporary(): Promise<number> {
    try {
      return await this.#temporary.clean();
    } catch (error) {
      throw asIoError(error, 'empty', temporaryDirectory.join('/'));
    }
  }

  /** Hints about changes until it is closed. @see FolderWatch */
  async watch(onHint: OnHint, onError: OnError): Promise<Watching> {
    await this.assertPresent();
    return FolderWatch.start({ root: this.root, loadIgnore: () => this.loadIgnore(), onHint, onError });
  }

  /** Bytes that this user can still write, and that everything on the file system takes. */
  async space(): Promise<{ readonly free: number; readonly used: number }> {
    try {
      const { bavail, bfree, blocks, bsize } = await statfs(this.root);
      return { free: bavail * bsize, used: (blocks - bfree) * bsize };
    } catch (error) {
      throw asIoError(error, 'ask for the free space of', this.root);
    }
  }

  #examine(path: RelPath, ignore: IgnoreRules): Examined | undefined {
    try {
      const entered = this.#enterParent(path, (target) => {
        const stats = lstatSync(target, { bigint: true, throwIfNoEntry: false });
        if (stats === undefined) return undefined;
        if (ignore.ignores(path, stats.isDirectory() ? 'directory' : 'other')) return undefined;
        const text = stats.isSymbolicLink() ? readlinkSync(target, { encoding: 'buffer' }) : undefined;
        return classify(this.#identity, path, stats, text);
      });
      return entered.outcome === 'inside' ? entered.value : undefined;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      return { found: { kind: 'unreadable', path, reason: asReasonUnknown(error) } };
    }
  }

  #statOf(path: RelPath): ReturnType<typeof fileStatOf> | undefined {
    const entered = this.#enterParent(path, standingAt);
    return entered.outcome === 'inside' && entered.value.kind === 'file' ? entered.value.stat : undefined;
  }

  #enterParent<T>(path: RelPath, use: (target: string) => T): Entered<T> {
    const parent = parentOf(path)?.split('/') ?? [];
    return this.#paths.enter(parent, { create: false }, (at: At) => use(at(baseNameOf(path))));
  }
}

async function readIgnoreText(file: OpenFile): Promise<string> {
  if (file.stat.size > ignoreFileBytesMax) {
    const message = `${ignoreFileName} has ${file.stat.size} bytes; ${ignoreFileBytesMax} are allowed. Make it smaller.`;
    throw new ShoalError('LIMIT', message, { data: { path: ignoreFileName, size: file.stat.size } });
  }
  const bytes = new Uint8Array(ignoreFileBytesMax);
  let length = 0;
  for (let read = -1; read !== 0 && length < bytes.length; length += read) {
    read = await file.readInto(bytes.subarray(length));
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
