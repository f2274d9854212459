/**
 * The program, compiled ahead. V8 compiles each function when it is first called, in every process and every thread anew:
 * that was a fifth of `shoal status`. So `npm run build` lays a code cache beside each file of the program, from which V8
 * takes the functions as it had compiled them then.
 *
 * A code cache is for one file, one version of V8 and one set of its flags. V8 looks at the latter two and compiles anew if
 * they are others. It looks at neither the content of the file nor at that of the cache, and damage ends the process at
 * best: so there is a checksum of both.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

const checksumLength = 4;
/** What Node wraps a CommonJS module in. */
const before = Buffer.from('(function (exports, require, module, __filename, __dirname) { ');
const after = Buffer.from('\n})');
/**
 * What all files are read into, one after another: of reading them it is new memory that takes longest. Each has room for the
 * largest of today.
 */
const [wrappedRoom, cacheRoom] = [Buffer.allocUnsafeSlow(2 ** 20), Buffer.allocUnsafeSlow(2 ** 21)];

/**
 * Has the files beside this one loaded with their code caches from now on, in this thread. With `--enable-source-maps` Node
 * must load them itself: it finds no sources for what it did not.
 */
export function useCodeCache(): void {
  if (process.sourceMapsEnabled) return;
  const { extensions } = createRequire(import.meta.url);
  const program = dirname(fileURLToPath(import.meta.url));
  extensions['.cjs'] = (module, filename) => {
    if (dirname(filename) === program) load(module, filename);
    else extensions['.js']?.(module, filename);
  };
}

export function codeCacheFile(filename: string): string {
  return `${filename}.cache`;
}

/** What is compiled of a CommonJS module that is ASCII alone. */
export function wrap(source: Uint8Array): Buffer {
  return Buffer.concat([before, source, after]);
}

/** @returns the code that V8 has compiled of `script` up to now, as a code cache's file holds it */
export function toCodeCache(wrapped: Uint8Array, script: Script): Uint8Array {
  const code = script.createCachedData();
  const checksum = Buffer.alloc(checksumLength);
  checksum.writeUInt32LE(checksumOf(wrapped, code));
  return Buffer.concat([code, checksum]);
}

/**
 * @param wrapped - as `wrap` makes it: a string that V8 would have to put together is copied once more
 * @param cache - if there is one: the content of its code cache's file
 * @returns what runs to the function of the module; neither `wrapped` nor `cache` is kept
 */
export function compile(filename: string, wrapped: Buffer, cache?: Buffer): Script {
  const code = cache?.subarray(0, -checksumLength);
  const isSound = cache !== undefined && code !== undefined && hasChecksum(cache, wrapped, code);
  return new Script(wrapped.toString('latin1'), { filename, ...(isSound && { cachedData: code }) });
}

function hasChecksum(cache: Buffer, wrapped: Uint8Array, code: Uint8Array): boolean {
  return (
    cache.length > checksumLength &&
    cache.readUInt32LE(cache.length - checksumLength) === checksumOf(wrapped, code)
  );
}

function checksumOf(wrapped: Uint8Array, code: Uint8Array): number {
  return crc32(code, crc32(wrapped));
}

type Wrapper = (
  this: unknown,
  exports: unknown,
  require: NodeJS.Require,
  module: NodeJS.Module,
  filename: string,
  dirname: string,
) => void;

function load(module: NodeJS.Module, filename: string): void {
  const wrapped = readWrapped(filename);
  const wrapper = compile(filename, wrapped, readCache(filename)).runInThisContext() as Wrapper;
  wrapper.call(module.exports, module.exports, createRequire(filename), module, filename, dirname(filename));
}

function readWrapped(filename: string): Buffer {
  const source = readInto(wrappedRoom.subarray(before.length, -after.length), filename);
  if (source.buffer !== wrappedRoom.buffer) return wrap(source);
  before.copy(wrappedRoom);
  after.copy(wrappedRoom, before.length + source.length);
  return wrappedRoom.subarray(0, before.length + source.length + after.length);
}

function readCache(filename: string): Buffer | undefined {
  try {
    return readInto(cacheRoom, codeCacheFile(filename));
  } catch {
    return undefined; // then it takes longer
  }
}

/** @returns what the file holds: in `room`, or if that is too small in memory of its own */
function readInto(room: Buffer, filename: string): Buffer {
  const file = openSync(filename, 'r');
  try {
    const { size } = fstatSync(file);
    const bytes = size <= room.length ? room.subarray(0, size) : Buffer.allocUnsafeSlow(size);
    let length = 0;
    for (let read = -1; read !== 0 && length < size; length += read)
      read = readSync(file, bytes, length, size - length, null);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}
