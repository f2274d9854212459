/**
 * Files that are being made, in `.shoal/tmp`: the user never sees a half-written file, and what a crash leaves
 * behind lies in one place. They are readable by the owner alone until they are put in place.
 */
import { randomBytes } from 'node:crypto';
import {
  close,
  constants,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  openSync,
  symlinkSync,
  unlinkSync,
  write,
} from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ShoalError } from '../error.js';
import { asIoError } from './faults.js';
import { asSeconds } from './metadata.js';
import { ownDirectoryName } from './presence.js';
import type { At, SafePaths } from './safe-path.js';

/** Components of the directory, below the root. */
export const temporaryDirectory = [ownDirectoryName, 'tmp'] as const;

const writeDescriptor = promisify(write);
const closeDescriptor = promisify(close);
const createFlags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
const ownerOnly = 0o600;
const nameBytes = 12;
/** What is written at once: handing a write to the thread pool costs as much as copying a whole chunk. */
const blockBytes = 256 * 1024;

export interface Content {
  /** What the file is for, in messages. */
  readonly path: string;
  /** Bytes that `chunks` must come to. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** In order; each one is borrowed until the next is asked for. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A finished file or symlink that waits to be put in place. */
export interface Temporary {
  readonly name: string;
  /** Of a file. Its owner's permissions are then as asked for. */
  setPermissions(permissions: number): void;
  /** Removes what is left of it; harmless when it was put in place, and when called again. */
  discard(): Promise<void>;
}

export class TemporaryFiles {
  readonly #root: string;
  readonly #paths: SafePaths;

  constructor(root: string, paths: SafePaths) {
    this.#root = root;
    this.#paths = paths;
  }

  /** Synchronous access to the directory. @see SafePaths.enter */
  enter<T>(use: (at: At, device: bigint) => T): T {
    const entered = this.#paths.enter(temporaryDirectory, { create: false }, use);
    if (entered.outcome === 'inside') return entered.value;
    const why = entered.outcome === 'missing' ? 'it is gone' : entered.reason;
    throw new ShoalError('NOT_A_SHARE', `Cannot use ${temporaryDirectory.join('/')}: ${why}.`);
  }

  /**
   * A file with all of `content`. Nothing is left behind when it throws.
   * @throws ShoalError IO (full disk and the like), MALFORMED (another size than declared), CANCELLED; what the
   * chunks throw
   */
  async file(content: Content, signal?: AbortSignal): Promise<Temporary> {
    const name = newName();
    const descriptor = this.#attempt(content.path, () =>
      this.enter((at) => openSync(at(name), createFlags, ownerOnly)),
    );
    let isDiscarded = false;
    const discard = async (): Promise<void> => {
      if (isDiscarded) return;
      isDiscarded = true;
      await closeDescriptor(descriptor);
      this.#remove(name);
    };
    try {
      await writeAll(descriptor, content, signal);
      const seconds = asSeconds(content.mtimeNs);
      futimesSync(descriptor, seconds, seconds);
    } catch (error) {
      await discard();
      throw asIoError(error, 'write', content.path);
    }
    return { name, setPermissions: (permissions) => fchmodSync(descriptor, permissions), discard };
  }

  /** A symlink with that text as target. @throws the system error */
  symlink(target: string, mtimeNs: bigint): Temporary {
    const name = newName();
    const seconds = asSeconds(mtimeNs);
    this.enter((at) => symlinkSync(target, at(name)));
    try {
      this.enter((at) => lutimesSync(at(name), seconds, seconds));
    } catch (error) {
      this.#remove(name);
      throw error;
    }
    return { name, setPermissions: () => undefined, discard: async () => this.#remove(name) };
  }

  /** Removes everything in the directory. @returns how many things that were */
  async clean(): Promise<number> {
    const directory = join(this.#root, ...temporaryDirectory);
    const names = await readdir(directory);
    for (const name of names) await rm(join(directory, name), { recursive: true, force: true });
    return names.length;
  }

  /** @throws ShoalError IO; then the next `clean` removes it */
  #remove(name: string): void {
    try {
      this.enter((at) => removeIfThere(at(name)));
    } catch (error) {
      throw asIoError(error, 'remove a file in', temporaryDirectory.join('/'));
    }
  }

  #attempt<T>(path: string, act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw asIoError(error, 'write', path);
    }
  }
}

async function writeAll(descriptor: number, content: Content, signal?: AbortSignal): Promise<void> {
  const block = Buffer.allocUnsafe(Math.min(blockBytes, content.size));
  let filled = 0;
  let taken = 0;
  for await (const chunk of content.chunks) {
    throwIfCancelled(content.path, signal);
    taken += chunk.length;
    if (taken > content.size) throw wrongSize(content, taken);
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + block.length - filled);
      block.set(part, filled);
      filled += part.length;
      from += part.length;
      if (filled < block.length) break;
      await writeBlock(descriptor, block);
      filled = 0;
    }
  }
  throwIfCancelled(content.path, signal);
  if (taken !== content.size) throw wrongSize(content, taken);
  await writeBlock(descriptor, block.subarray(0, filled));
}

/** Writes all of `bytes` at the current position: the system may take less than it is given. */
async function writeBlock(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await writeDescriptor(descriptor, bytes, offset, bytes.length - offset, null);
    offset += bytesWritten;
  }
}

function throwIfCancelled(path: string, signal?: AbortSignal): void {
  if (!signal?.aborted) return;
  throw new ShoalError('CANCELLED', 'Writing a file was cancelled.', {
    data: { path },
    cause: signal.reason,
  });
}

function wrongSize(content: Content, bytes: number): ShoalError {
  const message = `The content has ${bytes} bytes or more where ${content.size} were declared.`;
  return new ShoalError('MALFORMED', message, { data: { path: content.path, bytes, size: content.size } });
}

/** rmSync takes ten times as long for what is not there. */
function removeIfThere(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
}

function newName(): string {
  return randomBytes(nameBytes).toString('hex');
}
