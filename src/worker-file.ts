/**
 * Where the code of a worker thread lies: in `dist/program`, beside the rest of the program. Threads run what was built,
 * also under a test runner, where this file is TypeScript.
 */

/** @param name - of an entry of `scripts/build-program.js` */
export function workerFile(name: string): URL {
  const program = import.meta.url.endsWith('/src/worker-file.ts') ? '../dist/program/' : './';
  return new URL(`${program}${name}.cjs`, import.meta.url);
}
