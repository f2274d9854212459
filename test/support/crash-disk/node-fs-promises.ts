/** `node:fs/promises` with the crash disk at its mount point: put in its place with `vi.mock`. */
import { theDisk } from './mount.js';
import { divert, flagsOf, listNames, makeDirectory, nanoseconds, readLink, remove } from './node-fs.js';
import { statsOf } from './stats.js';

const real = process.getBuiltinModule('node:fs/promises');

/** A `FileHandle` of the crash disk. */
class CrashFile {
  readonly fd: number;

  constructor(descriptor: number) {
    this.fd = descriptor;
  }

  async read(into: Uint8Array, offset = 0, length = into.length - offset, position?: number | null) {
    const bytesRead = theDisk().read(this.fd, into.subarray(offset, offset + length), position ?? undefined);
    return { bytesRead, buffer: into };
  }

  async readv(parts: readonly Uint8Array[], position?: number) {
    let bytesRead = 0;
    for (const part of parts) {
      const read = theDisk().read(this.fd, part, position === undefined ? undefined : position + bytesRead);
      bytesRead += read;
      if (read < part.length) break;
    }
    return { bytesRead, buffers: parts };
  }

  async write(bytes: Uint8Array, offset = 0, length = bytes.length - offset, position?: number | null) {
    const part = bytes.subarray(offset, offset + length);
    return { bytesWritten: theDisk().write(this.fd, part, position ?? undefined), buffer: bytes };
  }

  /** Of those that are under way together one that began later may come first. */
  async writev(parts: readonly Uint8Array[], position?: number) {
    const turns = Math.imul(theDisk().operations.length + (position ?? 0), 0x9e3779b1) >>> 28;
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    return { bytesWritten: theDisk().write(this.fd, Buffer.concat(parts), position), buffers: parts };
  }

  async writeFile(content: string | Uint8Array): Promise<void> {
    const bytes = Buffer.from(content as string);
    for (let from = 0; from < bytes.length; )
      from += theDisk().write(this.fd, bytes.subarray(from), undefined);
  }

  async readFile(options?: string | { encoding?: string }): Promise<string | Buffer> {
    const bytes = Buffer.from(theDisk().descriptor(this.fd).inode.content);
    return decoded(bytes, options);
  }

  async stat(options?: object): Promise<object> {
    return statsOf(theDisk().descriptor(this.fd).inode, options);
  }

  async truncate(size = 0): Promise<void> {
    theDisk().resize(this.fd, size);
  }

  async sync(): Promise<void> {
    theDisk().sync(this.fd, 'all');
  }

  async datasync(): Promise<void> {
    theDisk().sync(this.fd, 'data');
  }

  async close(): Promise<void> {
    theDisk().close(this.fd);
  }
}

function decoded(bytes: Buffer, options?: string | { encoding?: string }): string | Buffer {
  const encoding = typeof options === 'string' ? options : options?.encoding;
  return encoding === undefined ? bytes : bytes.toString(encoding as BufferEncoding);
}

// biome-ignore lint/suspicious/noExplicitAny: one table for functions of many shapes
type Model = (...args: any[]) => Promise<unknown>;

const models: Readonly<Record<string, Model>> = {
  open: async (path: string, flags?: string | number, mode?: number) =>
    new CrashFile(theDisk().open(path, flagsOf(flags), mode).number),
  readFile: async (path: string, options?: string | { encoding?: string }) => {
    const { number } = theDisk().open(path, flagsOf('r'));
    try {
      const bytes = Buffer.alloc(theDisk().descriptor(number).inode.size);
      theDisk().read(number, bytes, 0);
      return decoded(bytes, options);
    } finally {
      theDisk().close(number);
    }
  },
  writeFile: async (path: string, content: string | Uint8Array) => {
    const file = new CrashFile(theDisk().open(path, flagsOf('w')).number);
    await file.writeFile(content);
    await file.close();
  },
  readdir: async (path: string, options?: object) => listNames(path, options),
  mkdir: async (path: string, options?: object) => makeDirectory(path, options),
  rm: async (path: string, options?: object) => remove(path, options),
  rmdir: async (path: string) => theDisk().removeDirectory(path),
  unlink: async (path: string) => theDisk().unlink(path),
  link: async (from: string, to: string) => theDisk().link(from, to),
  rename: async (from: string, to: string) => theDisk().rename(from, to),
  symlink: async (target: string, path: string) => theDisk().makeSymlink(target, path),
  readlink: async (path: string, options?: object) => readLink(path, options),
  stat: async (path: string, options?: object) => statsOf(theDisk().look(path), options),
  lstat: async (path: string, options?: object) => statsOf(theDisk().look(path), options),
  utimes: async (path: string, _atime: unknown, mtime: number) =>
    theDisk().setTimes(theDisk().look(path), path, nanoseconds(mtime)),
  realpath: async (path: string) => {
    theDisk().look(path);
    return path;
  },
  statfs: async () => ({ bavail: 1_000_000, bfree: 1_000_000, blocks: 2_000_000, bsize: 4096 }),
};

const functions: Record<string, unknown> = { ...real };
for (const [name, original] of Object.entries(real)) {
  if (typeof original === 'function') functions[name] = divert(name, original as Model, models[name]);
}

/** For `vi.mock('node:fs/promises', ...)`. */
export const nodeFsPromises = { ...functions, default: functions };
