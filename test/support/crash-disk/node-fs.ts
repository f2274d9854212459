/**
 * `node:fs` with the crash disk at its mount point: put in its place with `vi.mock`. Everything else goes to the real one.
 * A function that is not modelled fails when it is asked about the crash disk.
 */
import { promisify } from 'node:util';
import { isMounted, theDisk } from './mount.js';
import { entryOf, statsOf } from './stats.js';

const real = process.getBuiltinModule('node:fs');

type Callback = (error: unknown, ...values: unknown[]) => void;
// The arguments are those of `node:fs`; what is in them is checked by the program's own types.
// biome-ignore lint/suspicious/noExplicitAny: one table for functions of many shapes
type Model = (...args: any[]) => unknown;

interface ListOptions {
  readonly withFileTypes?: boolean;
  readonly encoding?: string;
}

export function listNames(path: string, options: ListOptions = {}): unknown[] {
  return theDisk()
    .list(path)
    .map((listed) => {
      if (options.withFileTypes !== true) return listed.name;
      return entryOf(listed);
    });
}

/** @param seconds - as Node takes times */
export function nanoseconds(seconds: number | string): bigint {
  return BigInt(Math.round(Number(seconds) * 1e9));
}

export function makeDirectory(
  path: string,
  options: { recursive?: boolean; mode?: number } | number = {},
): void {
  const { recursive = false, mode = 0o777 } = typeof options === 'number' ? { mode: options } : options;
  if (!recursive) {
    theDisk().makeDirectory(path, mode);
    return;
  }
  const parts = path.split('/');
  for (let count = 2; count <= parts.length; count++) {
    const ancestor = parts.slice(0, count).join('/');
    if (isMounted(ancestor) && theDisk().find(ancestor) === undefined)
      theDisk().makeDirectory(ancestor, mode);
  }
}

export function remove(
  path: string,
  { recursive = false, force = false }: { recursive?: boolean; force?: boolean } = {},
): void {
  const disk = theDisk();
  const inode = force ? disk.find(path) : disk.look(path);
  if (inode === undefined) return;
  if (inode.kind !== 'directory') {
    disk.unlink(path);
    return;
  }
  if (recursive) for (const { name } of disk.list(path)) remove(`${path}/${name}`, { recursive });
  disk.removeDirectory(path);
}

export function readLink(path: string, options: { encoding?: string } = {}): string | Buffer {
  const { target } = theDisk().look(path);
  return options.encoding === 'buffer' ? Buffer.from(target) : target;
}

export function flagsOf(flags: string | number = 'r'): number {
  if (typeof flags === 'number') return flags;
  const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_EXCL } = real.constants;
  const known: Readonly<Record<string, number>> = {
    r: O_RDONLY,
    'r+': O_RDWR,
    w: O_WRONLY | O_CREAT | O_TRUNC,
    wx: O_WRONLY | O_CREAT | O_EXCL,
    'w+': O_RDWR | O_CREAT | O_TRUNC,
    a: O_WRONLY | O_CREAT | O_APPEND,
  };
  const number = known[flags];
  if (number === undefined) throw new Error(`the flags ${flags} are not modelled`);
  return number;
}

const descriptorOf = (number: number): ReturnType<ReturnType<typeof theDisk>['descriptor']> =>
  theDisk().descriptor(number);

const synchronous: Readonly<Record<string, Model>> = {
  openSync: (path: string, flags?: string | number, mode?: number) =>
    theDisk().open(path, flagsOf(flags), mode).number,
  closeSync: (number: number) => theDisk().close(number),
  readSync: (
    number: number,
    into: Uint8Array,
    offset = 0,
    length = into.length - offset,
    position?: number | null,
  ) => theDisk().read(number, into.subarray(offset, offset + length), position ?? undefined),
  writeSync: (
    number: number,
    bytes: Uint8Array,
    offset = 0,
    length = bytes.length - offset,
    position?: number | null,
  ) => theDisk().write(number, bytes.subarray(offset, offset + length), position ?? undefined),
  fsyncSync: (number: number) => theDisk().sync(number, 'all'),
  fdatasyncSync: (number: number) => theDisk().sync(number, 'data'),
  fstatSync: (number: number, options?: object) => statsOf(descriptorOf(number).inode, options),
  lstatSync: (path: string, options: { throwIfNoEntry?: boolean; bigint?: boolean } = {}) => {
    const inode = options.throwIfNoEntry === false ? found(path) : theDisk().look(path);
    return inode === undefined ? undefined : statsOf(inode, options);
  },
  existsSync: (path: string) => found(path) !== undefined,
  fchmodSync: (number: number, permissions: number) => {
    const { inode, path } = descriptorOf(number);
    theDisk().setPermissions(inode, path, permissions);
  },
  futimesSync: (number: number, _atime: unknown, mtime: number | string) => {
    const { inode, path } = descriptorOf(number);
    theDisk().setTimes(inode, path, nanoseconds(mtime));
  },
  lutimesSync: (path: string, _atime: unknown, mtime: number | string) =>
    theDisk().setTimes(theDisk().look(path), path, nanoseconds(mtime)),
  linkSync: (from: string, to: string) => theDisk().link(from, to),
  unlinkSync: (path: string) => theDisk().unlink(path),
  renameSync: (from: string, to: string) => theDisk().rename(from, to),
  rmdirSync: (path: string) => theDisk().removeDirectory(path),
  rmSync: remove,
  mkdirSync: makeDirectory,
  symlinkSync: (target: string, path: string) => theDisk().makeSymlink(target, path),
  readlinkSync: readLink,
  readdirSync: listNames,
};

/** What `throwIfNoEntry: false` finds: nothing, where a directory on the way is missing too. */
function found(path: string): ReturnType<ReturnType<typeof theDisk>['find']> {
  try {
    return theDisk().find(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

/** The form with a callback of a synchronous function. */
function called(model: Model): Model {
  return (...args: unknown[]) => {
    const callback = args.pop() as Callback;
    queueMicrotask(() => {
      let values: unknown[];
      try {
        values = [null, model(...args)];
      } catch (error) {
        values = [error];
      }
      callback(...(values as [unknown]));
    });
  };
}

const withCallback = [
  'open',
  'close',
  'read',
  'write',
  'fsync',
  'fdatasync',
  'fstat',
  'lstat',
  'readdir',
  'readlink',
  'fchmod',
  'futimes',
];
const models: Record<string, Model> = { ...synchronous };
for (const name of withCallback) models[name] = called(synchronous[`${name}Sync`] as Model);

/** Goes to the model if an argument speaks of the crash disk. */
export function divert(name: string, original: Model, model: Model | undefined): Model {
  const diverted = (...args: unknown[]): unknown => {
    if (!args.some(isMounted)) return original(...args);
    if (model === undefined) throw new Error(`${name} is not modelled by the crash disk`);
    return model(...args);
  };
  return diverted;
}

const functions: Record<string, unknown> = { ...real };
for (const [name, original] of Object.entries(real)) {
  if (typeof original !== 'function' || /^[A-Z]/.test(name)) continue;
  const diverted = divert(name, original as Model, models[name]);
  functions[name] = Object.assign(diverted, promised(name, original as Model));
}

/** `promisify` gives `read` and `write` an object with both of their results. */
function promised(name: string, original: Model): object {
  const results = { read: 'bytesRead', write: 'bytesWritten' }[name];
  if (results === undefined) return {};
  const asPromise = promisify(original as typeof real.read);
  return {
    [promisify.custom]: async (...args: unknown[]) => {
      if (!args.some(isMounted)) return asPromise(...(args as Parameters<typeof asPromise>));
      return { [results]: (synchronous[`${name}Sync`] as Model)(...args), buffer: args[1] };
    },
  };
}

/** For `vi.mock('node:fs', ...)`. */
export const nodeFs = { ...functions, default: functions };
