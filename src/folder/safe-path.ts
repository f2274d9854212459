/**
 * The only door to paths inside the share. A symlink on the way, put there by a user, a peer or a race, must never
 * lead a read or a write to a place outside.
 *
 * On Linux each component is opened with O_NOFOLLOW, and the caller works through `/proc/PID/fd/N/name`: the
 * descriptor stays with the directory that was checked, whatever is put in its place meanwhile. Elsewhere every
 * component is looked at by `lstat` before and after.
 *
 * All of it is synchronous on purpose. Entering a directory five levels deep takes 9 us (a hop to the thread pool
 * takes about as long), no descriptor outlives the call, at most `levelsMax` and one are open, and nothing of this process
 * can come between a check and the act that relies on it.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../error.js';
import { escapeForDisplay } from './display.js';
import { identityOf, rootIsGone } from './presence.js';

/** Where `name` is to be found, valid until `use` returns. `name` must be one component. */
export type At = (name: string) => string;

export type Entered<T> =
  | { readonly outcome: 'inside'; readonly value: T }
  /** One of the directories on the way does not exist. */
  | { readonly outcome: 'missing' }
  /** Something other than a directory is on the way: a symlink, a file, or a name this file system folds. */
  | { readonly outcome: 'obstructed'; readonly reason: string };

export interface EnterOptions {
  /** Make the directories that are missing. */
  readonly create: boolean;
}

/** As `SafePaths.enter`; makes no directories. */
export type Enter = <T>(components: readonly string[], use: (at: At) => T) => Entered<T>;

export interface SafePathOptions {
  /** Whether `/proc/self/fd` can be used. */
  readonly descriptors: boolean;
  /** Names in a directory as they are stored; given where the file system takes different names for the same. */
  readonly listNames?: ((directory: string) => readonly string[]) | undefined;
}

/** O_PATH of Linux, which Node does not name: a descriptor to go on from, without permission to read. */
const openPathOnly = 0o10000000;
const openDirectoryFlags = openPathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const newDirectoryMode = 0o777;
/** Directories below the root that stay open together. */
const levelsMax = 32;
const existing: EnterOptions = { create: false };

export class SafePaths {
  readonly #root: string;
  readonly #identity: string;
  readonly #options: SafePathOptions;

  /** @param root - absolute, without symlinks (`realpath`) */
  constructor(root: string, options: SafePathOptions) {
    this.#root = root;
    this.#identity = identityOf(lstatSync(root, { bigint: true }));
    this.#options = options;
  }

  /**
   * The same folder as one that was opened elsewhere.
   * @param identity - of the root, see `identityOf`
   * @throws ShoalError NOT_A_SHARE if the root is another directory now
   */
  static of(folder: {
    root: string;
    identity: string;
    descriptors: boolean;
    foldsNames: boolean;
  }): SafePaths {
    const listNames = folder.foldsNames ? (path: string) => readdirSync(path) : undefined;
    const paths = new SafePaths(folder.root, { descriptors: folder.descriptors, listNames });
    if (paths.#identity !== folder.identity) throw rootIsGone(folder.root);
    return paths;
  }

  /**
   * Runs `use` inside the directory named by `components` below the root; none means the root itself.
   * @param use - synchronous; gets a way to name what is in the directory, and its device number
   * @throws what `use` throws; system errors other than those of `Entered`; ShoalError NOT_A_SHARE if the root is
   * gone or is another directory now
   */
  enter<T>(
    components: readonly string[],
    options: EnterOptions,
    use: (at: At, device: bigint) => T,
  ): Entered<T> {
    return asEntered(() =>
      this.#options.descriptors
        ? this.#enterByDescriptor(components, options, use)
        : this.#enterByName(components, options, use),
    );
  }

  /**
   * Runs `use` with a way to enter several directories: each is reached from the one before, as far as their ways are the
   * same. Whoever moves a directory meanwhile moves it with what is done in it, until `use` returns.
   */
  visit<T>(use: (enter: Enter) => T): T {
    if (!this.#options.descriptors) return use((components, act) => this.enter(components, existing, act));
    const trail = new Trail();
    try {
      return use((components, act) =>
        asEntered(() => act(inDescriptor(this.#follow(trail, components, existing)))),
      );
    } finally {
      trail.end();
    }
  }

  #enterByDescriptor<T>(
    components: readonly string[],
    options: EnterOptions,
    use: (at: At, device: bigint) => T,
  ): T {
    const trail = new Trail();
    try {
      const descriptor = this.#follow(trail, components, options);
      return use(inDescriptor(descriptor), fstatSync(descriptor, { bigint: true }).dev);
    } finally {
      trail.end();
    }
  }

  /** Goes on from where the trail has led. @returns the descriptor of the directory that `components` name */
  #follow(trail: Trail, components: readonly string[], options: EnterOptions): number {
    let descriptor = trail.backTo(components) ?? trail.begin(this.#openRoot());
    for (const component of components.slice(trail.depth)) {
      const at = inDescriptor(descriptor);
      const way = components.slice(0, trail.depth + 1);
      this.#rejectFoldedName(at('.'), way);
      descriptor = openComponent(at(component), way, options);
      trail.add(component, descriptor);
    }
    return descriptor;
  }

  #openRoot(): number {
    const root = this.#checkedRoot();
    const descriptor = openSync(root, openDirectoryFlags);
    if (identityOf(fstatSync(descriptor, { bigint: true })) === this.#identity) return descriptor;
    closeSync(descriptor);
    throw rootIsGone(root);
  }

  #enterByName<T>(
    components: readonly string[],
    options: EnterOptions,
    use: (at: At, device: bigint) => T,
  ): T {
    const before = this.#lookAtEach(components, options);
    const directory = join(this.#root, ...components);
    const value = use((name) => join(directory, name), before.device);
    const after = this.#lookAtEach(components, { create: false });
    if (after.identities === before.identities) return value;
    const reason = `${shown(components)} was exchanged while it was in use`;
    throw new OnTheWay({ outcome: 'obstructed', reason });
  }

  #lookAtEach(components: readonly string[], options: EnterOptions): { identities: string; device: bigint } {
    let path = this.#checkedRoot();
    let stats = lstatSync(path, { bigint: true });
    let identities = identityOf(stats);
    for (const [depth, component] of components.entries()) {
      this.#rejectFoldedName(path, components.slice(0, depth + 1));
      path = join(path, component);
      let next = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (next === undefined && options.create) {
        makeDirectory(path);
        next = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      }
      if (next === undefined) throw new OnTheWay({ outcome: 'missing' });
      if (!next.isDirectory()) throw new OnTheWay(obstructed(next, components.slice(0, depth + 1)));
      stats = next;
      identities += ` ${identityOf(stats)}`;
    }
    return { identities, device: stats.dev };
  }

  #checkedRoot(): string {
    const stats = lstatSync(this.#root, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined && identityOf(stats) === this.#identity) return this.#root;
    throw rootIsGone(this.#root);
  }

  /** On a file system that folds names, `Docs` must not lead into a `docs` that is another entry. */
  #rejectFoldedName(directory: string, components: readonly string[]): void {
    const name = components.at(-1) ?? '';
    const { listNames } = this.#options;
    if (listNames === undefined) return;
    if (lstatSync(join(directory, name), { throwIfNoEntry: false }) === undefined) return;
    if (listNames(directory).includes(name)) return;
    const reason = `the file system takes ${shown(components)} and another name for the same`;
    throw new OnTheWay({ outcome: 'obstructed', reason });
  }
}

/**
 * The directories that were gone through, open, from the root down: at most `levelsMax` and the root. Where a way is longer
 * its last directory takes the place of the one before, which must then be gone through again.
 */
class Trail {
  /** Of the root, then of one directory for each of the names. */
  readonly #descriptors: number[] = [];
  readonly #names: string[] = [];
  #depth = 0;

  /** Of the last directory, below the root. */
  get depth(): number {
    return this.#depth;
  }

  /** @param root - its descriptor, which is the trail's from here on */
  begin(root: number): number {
    this.#descriptors.push(root);
    return root;
  }

  /** One level deeper. @param descriptor - the trail's from here on */
  add(name: string, descriptor: number): void {
    if (this.#names.length === levelsMax) this.#leaveLast();
    this.#names.push(name);
    this.#descriptors.push(descriptor);
    this.#depth++;
  }

  /** Leaves what is not on the way to `components`. @returns the last that is left, undefined if nothing was begun */
  backTo(components: readonly string[]): number | undefined {
    let shared = 0;
    while (
      shared < levelsMax - 1 &&
      shared < this.#names.length &&
      this.#names[shared] === components[shared]
    )
      shared++;
    while (this.#names.length > shared) this.#leaveLast();
    this.#depth = shared;
    return this.#descriptors.at(-1);
  }

  end(): void {
    for (const descriptor of this.#descriptors) closeSync(descriptor);
  }

  #leaveLast(): void {
    this.#names.pop();
    closeSync(this.#descriptors.pop() as number);
  }
}

/** Carries an outcome out of the loops above; never leaves this file. */
class OnTheWay extends Error {
  readonly result: Entered<never>;
  constructor(result: Entered<never>) {
    super('cannot enter');
    this.result = result;
  }
}

function asEntered<T>(enter: () => T): Entered<T> {
  try {
    return { outcome: 'inside', value: enter() };
  } catch (error) {
    if (error instanceof OnTheWay) return error.result;
    throw error;
  }
}

/**
 * Where the system lists the descriptors of this process, once it is known. `/proc/self` leads there too, and would be
 * followed anew for each name, which takes a tenth of a look at a file. The number is that of the PID namespace that
 * `/proc` was mounted in, which need not be our own.
 */
let ownDescriptors: string | undefined;

function inDescriptor(descriptor: number): At {
  ownDescriptors ??= `/proc/${readlinkSync('/proc/self')}/fd`;
  const directory = `${ownDescriptors}/${descriptor}/`;
  return (name) => directory + name;
}

function openComponent(path: string, components: readonly string[], options: EnterOptions): number {
  try {
    return openSync(path, openDirectoryFlags);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' && options.create) {
      makeDirectory(path);
      return openComponent(path, components, { create: false });
    }
    if (code === 'ENOENT') throw new OnTheWay({ outcome: 'missing' });
    if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
    throw new OnTheWay(obstructed(lstatSync(path, { bigint: true, throwIfNoEntry: false }), components));
  }
}

function obstructed(stats: BigIntStats | undefined, components: readonly string[]): Entered<never> {
  const what = stats?.isSymbolicLink() ? 'a symlink' : 'no directory';
  return { outcome: 'obstructed', reason: `${shown(components)} is ${what}` };
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, newDirectoryMode);
  } catch (error) {
    // Whatever stands there is judged when it is opened.
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

function shown(components: readonly string[]): string {
  return escapeForDisplay(components.join('/'));
}
