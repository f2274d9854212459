/**
 * A file system in memory that records every change made to it, so that a power cut after any of them can be played:
 * `afterCrash` gives the disk as the next start would find it. Calls can be made to fail, as a failing or full disk makes
 * them. Its clock goes on by one millisecond with each change.
 *
 * It is what node-fs.ts and node-fs-promises.ts put behind `node:fs`. What the program under test does not use is not
 * modelled, and fails loudly.
 */
import type { SeededChoice } from '../seeded-choice.js';
import { type Inodes, inodesAfterCrash, rootNumber } from './crash.js';
import { type Attributes, Inode, type Kind } from './inode.js';
import type { DataOperation, NameChange, Operation } from './operation.js';
import { systemError } from './system-error.js';

// Not by `import`, which leads here while a test has put the crash disk in the place of `node:fs`.
const { constants } = process.getBuiltinModule('node:fs');

/** Where a crash disk is to be found. */
export const mountPoint = '/crash-disk';

/** One call of the program, before anything of it is done. */
export interface Call {
  readonly number: number;
  readonly what: 'open' | 'read' | 'write' | 'sync' | 'names' | 'look' | 'attributes';
  readonly path: string;
}

/**
 * What befalls a call: nothing, or the code of the error that it fails with. `short`: a write that is cut to half, which
 * is no error.
 */
export type Fault = (call: Call) => string | undefined;

export interface Descriptor {
  readonly number: number;
  readonly inode: Inode;
  readonly path: string;
  readonly flags: number;
  position: number;
}

const startMs = Date.UTC(2024, 0, 1);
const tickNs = 1_000_000n;
const newPermissions = 0o666;
const umask = 0o022;
/** Far above those of real files. */
let lastDescriptor = 1_000_000_000;

/** What direct writes come in. */
const blockBytes = 4096;

export class CrashDisk {
  readonly operations: Operation[] = [];
  fault: Fault = () => undefined;
  calls = 0;
  readonly #start: Inodes;
  readonly #inodes: Inodes;
  readonly #descriptors = new Map<number, Descriptor>();
  #lastInode: number;
  #nowNs: bigint;

  private constructor(start: Inodes, nowNs: bigint) {
    this.#start = start;
    this.#inodes = copyOf(start);
    this.#lastInode = Math.max(...start.keys());
    this.#nowNs = nowNs;
  }

  static empty(): CrashDisk {
    const nowNs = BigInt(startMs) * tickNs;
    const attributes = { permissions: 0o755, mtimeNs: nowNs, ctimeNs: nowNs };
    const root = new Inode({ number: rootNumber, kind: 'directory', target: '', attributes });
    root.links = 1;
    return new CrashDisk(new Map([[rootNumber, root]]), nowNs);
  }

  /** This disk after a power cut that followed its first `count` operations. */
  afterCrash(at: { readonly count: number; readonly seed: number }): CrashDisk {
    return new CrashDisk(inodesAfterCrash(this.#start, this.operations, at), this.#nowNs + 60_000n * tickNs);
  }

  /** This disk as it is now, everything on it durable, with nothing recorded yet. */
  settled(): CrashDisk {
    const reachable = new Map([...this.#inodes].filter(([, { links }]) => links > 0));
    return new CrashDisk(copyOf(reachable), this.#nowNs);
  }

  nowMs(): number {
    return Number(this.#nowNs / tickNs);
  }

  /** Descriptors that the program has not closed. */
  openPaths(): string[] {
    return [...this.#descriptors.values()].map(({ path }) => path);
  }

  // Paths

  /** What stands at `path`, which is no symlink's target. */
  find(path: string): Inode | undefined {
    this.#call('look', path);
    const { directory, name } = this.#parent(path);
    if (name === '.') return directory;
    const number = directory.names.get(name);
    return number === undefined ? undefined : this.inode(number);
  }

  look(path: string): Inode {
    const inode = this.find(path);
    if (inode === undefined) throw systemError('ENOENT', path);
    return inode;
  }

  list(path: string): { readonly name: string; readonly kind: Kind }[] {
    this.#call('read', path);
    const { names } = this.#directory(path);
    return [...names]
      .map(([name, number]) => ({ name, kind: this.inode(number).kind }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  // Descriptors

  open(path: string, flags: number, mode: number = newPermissions): Descriptor {
    this.#call('open', path);
    const { directory, name } = this.#parent(path);
    const number = name === '.' ? directory.number : directory.names.get(name);
    let inode = number === undefined ? undefined : this.inode(number);
    if (inode !== undefined && has(flags, constants.O_CREAT | constants.O_EXCL))
      throw systemError('EEXIST', path);
    if (inode?.kind === 'symlink') throw systemError('ELOOP', path);
    if (inode === undefined && has(flags, constants.O_CREAT))
      inode = this.#make(path, { kind: 'file', mode });
    if (inode === undefined) throw systemError('ENOENT', path);
    if (inode.kind !== 'directory' && has(flags, constants.O_DIRECTORY)) throw systemError('ENOTDIR', path);
    if (inode.kind === 'directory' && isForWriting(flags)) throw systemError('EISDIR', path);
    if (has(flags, constants.O_TRUNC) && inode.size > 0)
      this.#change(inode, path, { kind: 'resize', size: 0 });
    const descriptor = { number: ++lastDescriptor, inode, path, flags, position: 0 };
    this.#descriptors.set(descriptor.number, descriptor);
    return descriptor;
  }

  descriptor(number: number): Descriptor {
    const descriptor = this.#descriptors.get(number);
    if (descriptor === undefined) throw systemError('EBADF', String(number));
    return descriptor;
  }

  close(number: number): void {
    this.descriptor(number);
    this.#descriptors.delete(number);
  }

  /** @param position - undefined: where the last call ended */
  read(number: number, into: Uint8Array, position?: number): number {
    const descriptor = this.descriptor(number);
    this.#call('read', descriptor.path);
    const from = position ?? descriptor.position;
    const bytes = descriptor.inode.content.subarray(from, from + into.length);
    into.set(bytes);
    if (position === undefined) descriptor.position += bytes.length;
    return bytes.length;
  }

  /** @returns bytes written: not all of them, if the disk is about to be full */
  write(number: number, bytes: Uint8Array, position?: number): number {
    const descriptor = this.descriptor(number);
    if (!isForWriting(descriptor.flags)) throw systemError('EBADF', descriptor.path);
    const isShort = this.#call('write', descriptor.path) === 'short';
    const at = has(descriptor.flags, constants.O_APPEND) ? descriptor.inode.size : position;
    const offset = at ?? descriptor.position;
    const isWhole = offset % blockBytes === 0 && bytes.length % blockBytes === 0;
    if (has(descriptor.flags, constants.O_DIRECT) && !isWhole) throw systemError('EINVAL', descriptor.path);
    const written = Uint8Array.from(isShort ? bytes.subarray(0, Math.ceil(bytes.length / 2)) : bytes);
    this.#change(descriptor.inode, descriptor.path, { kind: 'write', offset, bytes: written });
    if (position === undefined) descriptor.position = offset + written.length;
    return written.length;
  }

  resize(number: number, size: number): void {
    const { inode, path } = this.descriptor(number);
    this.#call('write', path);
    this.#change(inode, path, { kind: 'resize', size });
  }

  sync(number: number, how: 'all' | 'data'): void {
    const { inode, path } = this.descriptor(number);
    try {
      this.#call('sync', path);
    } catch (error) {
      this.#record({ kind: 'failed sync', inode: inode.number, text: `failed sync of ${path}` });
      throw error;
    }
    this.#record({ kind: 'sync', inode: inode.number, how, text: `sync ${how} of ${path}` });
  }

  // Attributes

  setTimes(inode: Inode, path: string, mtimeNs: bigint): void {
    this.#call('attributes', path);
    this.#setAttributes(inode, path, { ...inode.attributes, mtimeNs });
  }

  setPermissions(inode: Inode, path: string, permissions: number): void {
    this.#call('attributes', path);
    this.#setAttributes(inode, path, { ...inode.attributes, permissions });
  }

  // Names

  makeDirectory(path: string, mode = 0o777): void {
    this.#call('names', path);
    this.#make(path, { kind: 'directory', mode });
  }

  makeSymlink(target: string, path: string): void {
    this.#call('names', path);
    this.#make(path, { kind: 'symlink', mode: 0o777, target });
  }

  link(from: string, to: string): void {
    this.#call('names', to);
    const inode = this.#look(from);
    const { directory, name } = this.#parent(to);
    if (directory.names.has(name)) throw systemError('EEXIST', to);
    this.#rename(
      `link ${from} to ${to}`,
      [{ directory: directory.number, name, inode: inode.number }],
      [inode],
    );
  }

  unlink(path: string): void {
    this.#call('names', path);
    const inode = this.#look(path);
    if (inode.kind === 'directory') throw systemError('EISDIR', path);
    const { directory, name } = this.#parent(path);
    this.#rename(`unlink ${path}`, [{ directory: directory.number, name, inode: undefined }], [inode]);
  }

  removeDirectory(path: string): void {
    this.#call('names', path);
    const inode = this.#directory(path);
    if (inode.names.size > 0) throw systemError('ENOTEMPTY', path);
    const { directory, name } = this.#parent(path);
    this.#rename(`rmdir ${path}`, [{ directory: directory.number, name, inode: undefined }], [inode]);
  }

  rename(from: string, to: string): void {
    this.#call('names', to);
    const inode = this.#look(from);
    const [source, target] = [this.#parent(from), this.#parent(to)];
    const replaced = target.directory.names.get(target.name);
    if (replaced === inode.number) return;
    if (
      replaced !== undefined &&
      (this.inode(replaced).kind === 'directory') !== (inode.kind === 'directory')
    )
      throw systemError(inode.kind === 'directory' ? 'ENOTDIR' : 'EISDIR', to);
    const changes = [
      { directory: source.directory.number, name: source.name, inode: undefined },
      { directory: target.directory.number, name: target.name, inode: inode.number },
    ];
    this.#rename(`rename ${from} to ${to}`, changes, [inode]);
  }

  inode(number: number): Inode {
    const inode = this.#inodes.get(number);
    if (inode === undefined) throw new Error(`inode ${number} does not exist`);
    return inode;
  }

  // What all of these come down to

  #call(what: Call['what'], path: string): string | undefined {
    this.calls += 1;
    const code = this.fault({ number: this.calls, what, path });
    if (code !== undefined && code !== 'short') throw systemError(code, path);
    return code;
  }

  #record(operation: Operation): void {
    this.operations.push(operation);
    this.#nowNs += tickNs;
  }

  #change(inode: Inode, path: string, data: DataOperation): void {
    const attributes = { ...inode.attributes, mtimeNs: this.#nowNs, ctimeNs: this.#nowNs };
    const text =
      data.kind === 'write'
        ? `write ${data.bytes.length} bytes at ${data.offset} of ${path}`
        : `resize ${path} to ${data.size}`;
    this.#record({ kind: 'data', inode: inode.number, data, attributes, text });
    inode.attributes = attributes;
    if (data.kind === 'write') inode.write(data.offset, data.bytes);
    else inode.resize(data.size);
  }

  #setAttributes(inode: Inode, path: string, changed: Attributes): void {
    const attributes = { ...changed, ctimeNs: this.#nowNs };
    this.#record({ kind: 'attributes', inode: inode.number, attributes, text: `attributes of ${path}` });
    inode.attributes = attributes;
  }

  #make(path: string, { kind, mode, target = '' }: { kind: Kind; mode: number; target?: string }): Inode {
    const { directory, name } = this.#parent(path);
    if (directory.names.has(name)) throw systemError('EEXIST', path);
    const permissions = kind === 'symlink' ? 0o777 : mode & ~umask;
    const attributes = { permissions, mtimeNs: this.#nowNs, ctimeNs: this.#nowNs };
    const made = { number: ++this.#lastInode, kind, target, attributes };
    const inode = new Inode(made);
    this.#inodes.set(inode.number, inode);
    const changes = [{ directory: directory.number, name, inode: inode.number }];
    this.#record({ kind: 'names', changes, made, touched: [], text: `make ${kind} ${path}` });
    this.#apply(changes);
    return inode;
  }

  #rename(text: string, changes: readonly NameChange[], inodes: readonly Inode[]): void {
    const touched = inodes.map((inode) => {
      inode.attributes = { ...inode.attributes, ctimeNs: this.#nowNs };
      return { inode: inode.number, attributes: inode.attributes };
    });
    this.#record({ kind: 'names', changes, touched, text });
    this.#apply(changes);
  }

  #apply(changes: readonly NameChange[]): void {
    for (const { directory, name, inode } of changes) {
      const { names } = this.inode(directory);
      const before = names.get(name);
      if (before !== undefined) this.inode(before).links -= 1;
      if (inode === undefined) names.delete(name);
      else {
        names.set(name, inode);
        this.inode(inode).links += 1;
      }
    }
  }

  #look(path: string): Inode {
    const { directory, name } = this.#parent(path);
    const number = name === '.' ? directory.number : directory.names.get(name);
    if (number === undefined) throw systemError('ENOENT', path);
    return this.inode(number);
  }

  #directory(path: string): Inode {
    const inode = this.#look(path);
    if (inode.kind !== 'directory') throw systemError('ENOTDIR', path);
    return inode;
  }

  /** The directory that `path` lies in, and its last component; '.' for a directory itself. */
  #parent(path: string): { directory: Inode; name: string } {
    const { from, components } = this.#beginning(path);
    let directory = from;
    for (const component of components.slice(0, -1)) {
      const number = directory.names.get(component);
      if (number === undefined) throw systemError('ENOENT', path);
      directory = this.inode(number);
      if (directory.kind === 'symlink') throw new Error(`a symlink on the way is not modelled: ${path}`);
      if (directory.kind !== 'directory') throw systemError('ENOTDIR', path);
    }
    return { directory, name: components.at(-1) ?? '.' };
  }

  #beginning(path: string): { from: Inode; components: string[] } {
    const split = (rest: string): string[] => rest.split('/').filter((part) => part !== '' && part !== '.');
    const held = /^\/proc\/(?:self|\d+)\/fd\/(\d+)(?:\/(.*))?$/.exec(path);
    if (held !== null) {
      return { from: this.descriptor(Number(held[1])).inode, components: split(held[2] ?? '') };
    }
    if (path !== mountPoint && !path.startsWith(`${mountPoint}/`)) throw systemError('ENOENT', path);
    return { from: this.inode(rootNumber), components: split(path.slice(mountPoint.length)) };
  }
}

/** A fault at the call number `number`, and with `goesOn` at each one after it that is of a kind in `kinds`. */
export function faultAt(
  number: number,
  code: string,
  kinds: readonly Call['what'][],
  { goesOn = false }: { goesOn?: boolean } = {},
): Fault {
  let isShort = code === 'ENOSPC';
  return (call) => {
    if (!kinds.includes(call.what) || (goesOn ? call.number < number : call.number !== number))
      return undefined;
    if (!isShort || call.what !== 'write' || !goesOn) return code;
    isShort = false; // A full disk takes what still fits first.
    return 'short';
  };
}

/** One of the crashes of `disk`: after each operation, or after one of them by chance. */
export function someCrash(disk: CrashDisk, choice: SeededChoice): { count: number; seed: number } {
  return { count: choice.below(disk.operations.length + 1), seed: choice.seed() };
}

function copyOf(inodes: ReadonlyMap<number, Inode>): Inodes {
  const copies: Inodes = new Map();
  for (const inode of inodes.values()) {
    const copy = new Inode(inode, inode.content.slice());
    copy.links = inode.links;
    for (const [name, number] of inode.names) copy.names.set(name, number);
    copies.set(copy.number, copy);
  }
  return copies;
}

function has(flags: number, wanted: number): boolean {
  return (flags & wanted) === wanted;
}

function isForWriting(flags: number): boolean {
  return (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
}
