// Compiles all functions of the program in dist/program, and lays what V8 makes of them beside its files: see
// src/engine/code-cache.ts.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { codeCacheFile, compile, toCodeCache, wrap } from '../dist/src/engine/code-cache.js';

const directory = fileURLToPath(new URL('../dist/program/', import.meta.url));

// The flags are part of a code cache: that by which everything is compiled at once must be gone when it is taken.
for (const name of await readdir(directory)) {
  if (!name.endsWith('.cjs')) continue;
  const filename = `${directory}${name}`;
  const wrapped = wrap(await readFile(filename));
  setFlagsFromString('--no-lazy');
  const script = compile(filename, wrapped);
  setFlagsFromString('--lazy');
  await writeFile(codeCacheFile(filename), toCodeCache(wrapped, script));
}
