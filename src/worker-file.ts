/**
 * Where the code of a worker thread lies. Threads run what was built: under a test runner, where this file is
 * TypeScript, that is in `dist`.
 */

/** @param name - of the file in `src`, without extension */
export function workerFile(name: string): URL {
  return import.meta.url.endsWith('.ts')
    ? new URL(`../dist/src/${name}.js`, import.meta.url)
    : new URL(`./${name}.js`, import.meta.url);
}
