/**
 * Says where to look, never what happened: the scan decides. Only directories are watched, one system watch each,
 * and the names come from the system's own events (chokidar's `raw`); chokidar keeps track of directories that come
 * and go. Watching each file as well would need a watch a file, and chokidar hides names that look like an editor's
 * backups, for which atomic renames are put together; neither is of use here.
 *
 * Known gaps, all closed by a full scan from time to time, which the caller must make: the system drops events when
 * its queue is full and Node does not pass that on (a flood is taken for it); a file made in a new directory before
 * that directory is watched (it is hinted a second time once it is); file systems that send no events.
 * This is the one file that imports chokidar.
 */
import { existsSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import type { FSWatcher } from 'chokidar';
import { isShoalError, ShoalError, systemCode } from '../error.js';
import { joinRelPath, parseRelPath, type RelPath } from '../manifest/index.js';
import { type IgnoreRules, ignoreFileName } from './ignore-rules.js';
import { ownDirectoryName } from './presence.js';

/** A path (a directory stands for everything in it), or that anything may have changed. */
export type Hint = RelPath | 'everything';
export type OnHint = (hint: Hint) => void;
export type OnError = (error: ShoalError) => void;

export interface Watching {
  close(): Promise<void>;
}

/** A quarter of the 16,384 events Linux queues: more than this at once, and some may have been dropped. */
const eventsAtOnceMax = 4096;
/** By then a new directory has its watch. */
const secondHintMs = 1000;
const replacementCharacter = '\ufffd';

export interface WatchOptions {
  readonly root: string;
  readonly loadIgnore: () => Promise<IgnoreRules>;
  readonly onHint: OnHint;
  readonly onError: OnError;
}

export class FolderWatch implements Watching {
  readonly #options: WatchOptions;
  readonly #reported = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #ignore: IgnoreRules;
  #watcher: FSWatcher | undefined;
  #restarting: Promise<void> | undefined;
  #restartAgain = false;
  #closed = false;
  #waiting = new Set<Hint>();
  #events = 0;

  private constructor(options: WatchOptions, ignore: IgnoreRules) {
    this.#options = options;
    this.#ignore = ignore;
  }

  /** Resolves when every directory is watched. Never rejects because of a watch that cannot be had. */
  static async start(options: WatchOptions): Promise<FolderWatch> {
    const watch = new FolderWatch(options, await options.loadIgnore());
    await watch.#open();
    return watch;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#waiting.clear();
    await this.#restarting;
    await this.#watcher?.close();
  }

  async #open(): Promise<void> {
    if (sep === '/' && this.#options.root.includes('\\')) {
      this.#fail(
        new ShoalError(
          'IO',
          'A folder with a backslash in its path cannot be watched; it is scanned instead.',
        ),
      );
      return;
    }
    const chokidar = await import('chokidar'); // loaded by those who watch
    const watcher = chokidar.watch(this.#options.root, {
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      usePolling: false,
      atomic: false,
      ignored: (path, stats) => this.#isNotWatched(path, stats?.isDirectory()),
    });
    this.#watcher = watcher;
    watcher.on('raw', (_event, name, details) => this.#onRaw(name, details));
    watcher.on('addDir', (path) => this.#onNewDirectory(path));
    watcher.on('unlinkDir', (path) => this.#hintAbsolute(path));
    watcher.on('error', (error) => this.#fail(error));
    await new Promise<void>((resolve) => {
      watcher.once('ready', resolve);
    });
  }

  /** Prunes the watch tree. chokidar asks first without knowing the kind. */
  #isNotWatched(absolute: string, isDirectory: boolean | undefined): boolean {
    const path = relative(this.#options.root, absolute);
    if (path === '') return false;
    if (path === ownDirectoryName || path.startsWith(`${ownDirectoryName}${sep}`)) return true;
    if (isDirectory === undefined) return false;
    if (!isDirectory) return true;
    const parsed = parse(path);
    return parsed === undefined || this.#ignore.ignores(parsed, 'directory');
  }

  #onRaw(name: string | null | undefined, details: unknown): void {
    const watched = watchedPathOf(details);
    const directory = watched === undefined ? undefined : relative(this.#options.root, watched);
    const parent = directory === undefined || directory === '' ? undefined : parse(directory);
    if (parent === undefined && directory !== '') {
      this.#hint('everything');
    } else if (name === null || name === undefined || name.includes(replacementCharacter)) {
      this.#hint(parent ?? 'everything');
    } else if (parent === undefined && this.#isRootItself(name)) {
      this.#hint('everything');
    } else if (parent !== undefined || name !== ownDirectoryName) {
      this.#hintName(parent, name);
    }
  }

  /** A directory that is moved or removed tells its own name, as if it were of something in it. */
  #isRootItself(name: string): boolean {
    const { root } = this.#options;
    return name === basename(root) && !existsSync(join(root, name));
  }

  /** A name that no share may contain is not worth a scan. */
  #hintName(parent: RelPath | undefined, name: string): void {
    let path: RelPath;
    try {
      path = joinRelPath(parent, name);
    } catch (error) {
      if (isShoalError(error, 'PATH_REJECTED')) return;
      throw error;
    }
    if (path === ignoreFileName) this.#restart();
    if (!this.#ignore.ignores(path, 'other')) this.#hint(path);
  }

  #onNewDirectory(absolute: string): void {
    this.#hintAbsolute(absolute);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#hintAbsolute(absolute);
    }, secondHintMs);
    this.#timers.add(timer);
  }

  #hintAbsolute(absolute: string): void {
    this.#hint(parse(relative(this.#options.root, absolute)) ?? 'everything');
  }

  /** Puts together what comes in one turn of the event loop. */
  #hint(hint: Hint): void {
    if (this.#closed) return;
    if (this.#events === 0) setImmediate(() => this.#flush());
    this.#events += 1;
    if (this.#events <= eventsAtOnceMax) this.#waiting.add(hint);
  }

  #flush(): void {
    const everything = this.#events > eventsAtOnceMax || this.#waiting.has('everything');
    const hints: Iterable<Hint> = everything ? ['everything'] : this.#waiting;
    this.#events = 0;
    this.#waiting = new Set();
    if (this.#closed) return;
    for (const hint of hints) this.#options.onHint(hint);
  }

  /** Says so once for each kind of error: a full table of watches fails for every directory. */
  #fail(error: unknown): void {
    this.#hint('everything');
    const code = isShoalError(error) ? error.message : (systemCode(error) ?? String(error));
    if (this.#closed || this.#reported.has(code)) return;
    this.#reported.add(code);
    this.#options.onError(isShoalError(error) ? error : watchError(error, code));
  }

  /** Other rules prune other directories, so the watch begins anew. */
  #restart(): void {
    this.#hint('everything');
    if (this.#restarting !== undefined) {
      this.#restartAgain = true;
      return;
    }
    this.#restarting = this.#reopen().finally(() => {
      this.#restarting = undefined;
    });
  }

  async #reopen(): Promise<void> {
    do {
      this.#restartAgain = false;
      try {
        this.#ignore = await this.#options.loadIgnore();
      } catch (error) {
        this.#fail(error);
      }
      await this.#watcher?.close();
      if (this.#closed) return;
      await this.#open();
      this.#hint('everything');
    } while (this.#restartAgain && !this.#closed);
  }
}

function parse(path: string): RelPath | undefined {
  try {
    return parseRelPath(sep === '/' ? path : path.replaceAll(sep, '/'));
  } catch (error) {
    if (isShoalError(error, 'PATH_REJECTED')) return undefined;
    throw error;
  }
}

function watchedPathOf(details: unknown): string | undefined {
  if (typeof details !== 'object' || details === null || !('watchedPath' in details)) return undefined;
  return typeof details.watchedPath === 'string' ? details.watchedPath : undefined;
}

const adviceOnWatches = new Map([
  ['ENOSPC', 'the system has no watches left. Raise fs.inotify.max_user_watches'],
  ['EMFILE', 'too many files or watches are open. Raise fs.inotify.max_user_instances or ulimit -n'],
  ['ENFILE', 'too many files are open on this machine. Close some programs'],
]);

function watchError(cause: unknown, code: string): ShoalError {
  const why = adviceOnWatches.get(code) ?? `the system says ${code}`;
  const message = `Some directories cannot be watched: ${why}. Until then the folder is scanned as a whole instead.`;
  return new ShoalError('IO', message, { data: { code }, cause });
}
