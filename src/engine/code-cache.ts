/**
 * The program, compiled ahead. V8 compiles each function when it is first called, in every process and every thread anew:
 * that was a fifth of `shoal status`. So `npm run build` lays a code cache beside each file of the program, from which V8
 * takes the functions as it had compiled them then.
 *
 * A code cache is for one file, one version of V8 and one set of its flags. V8 looks at the latter two and compiles anew if
 * they are others. It looks at neither the content of the file nor at that of the cache, and damage ends the process at
 * best: so there is a checksum of both.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';

const checksumLength = 4;

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

/** @returns the code that V8 has compiled of `script` up to now, as a code cache's file holds it */
export function toCodeCache(source: Uint8Array, script: Script): Uint8Array {
  const code = script.createCachedData();
  const checksum = Buffer.alloc(checksumLength);
  checksum.writeUInt32LE(checksumOf(source, code));
  return Buffer.concat([code, checksum]);
}

/**
 * @param source - a CommonJS module
 * @param cache - if there is one: the content of its code cache's file, in a buffer of its own
 * @returns what runs to the function that Node wraps such a module in
 */
export function compile(filename: string, source: Buffer, cache?: Buffer): Script {
  const code = cache?.subarray(0, -checksumLength);
  const isSound = cache !== undefined && code !== undefined && hasChecksum(cache, source, code);
  return new Script(
    `(function (exports, require, module, __filename, __dirname) { ${source.toString()}\n})`,
    {
      filename,
      ...(isSound && { cachedData: code }),
    },
  );
}

function hasChecksum(cache: Buffer, source: Uint8Array, code: Uint8Array): boolean {
  return (
    cache.length > checksumLength &&
    cache.readUInt32LE(cache.length - checksumLength) === checksumOf(source, code)
  );
}

function checksumOf(source: Uint8Array, code: Uint8Array): number {
  return crc32(code, crc32(source));
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
  const wrapper = compile(
    filename,
    readFileSync(filename),
    readCache(filename),
  ).runInThisContext() as Wrapper;
  wrapper.call(module.exports, module.exports, createRequire(filename), module, filename, dirname(filename));
}

function readCache(filename: string): Buffer | undefined {
  try {
    return readFileSync(codeCacheFile(filename));
  } catch {
    return undefined; // then it takes longer
  }
}
