import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { compile, toCodeCache, wrap } from '../../src/engine/code-cache.js';

const program = fileURLToPath(new URL('../../dist/program/', import.meta.url));
const built = new URL('../../dist/src/engine/', import.meta.url);

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'shoal-code-cache-')));
});
afterEach(() => rmSync(directory, { recursive: true }));

function run(...args: string[]): string {
  return execFileSync(process.execPath, args, { cwd: directory, encoding: 'utf8' });
}

/** Runs `script`, which finds what the build uses, as the program is started. */
function runAtStart(script: string, ...args: string[]): string {
  const imports = `
    import { readFileSync, writeFileSync } from 'node:fs';
    import { codeCacheFile, compile, toCodeCache, wrap } from '${built.href}code-cache.js';
  `;
  return run('--input-type=module', '-e', imports + script, ...args);
}

describe('the code cache of the program', () => {
  it('is taken by V8 for each file', () => {
    const files = readdirSync(program).filter((name) => name.endsWith('.cjs'));
    expect(files.length).toBeGreaterThan(5);
    const output = runAtStart(
      `for (const file of process.argv.slice(1)) {
         console.log(compile(file, wrap(readFileSync(file)), readFileSync(codeCacheFile(file))).cachedDataRejected);
       }`,
      ...files.map((name) => join(program, name)),
    );
    expect(output.trim().split('\n')).toEqual(files.map(() => 'false'));
  });

  it('is of files that V8 keeps in a byte a character', () => {
    const files = readdirSync(program).filter((name) => name.endsWith('.cjs'));
    const wide = files.filter((name) => readFileSync(join(program, name)).some((byte) => byte >= 0x80));
    expect(wide).toEqual([]);
  });

  it('leaves source maps in use where they are asked for', () => {
    const shoal = fileURLToPath(new URL('../../bin/shoal.js', import.meta.url));
    const { stderr } = spawnSync(
      process.execPath,
      ['--enable-source-maps', shoal, 'status', directory, '--debug'],
      { encoding: 'utf8' },
    );
    expect(stderr).toMatch(/at findShare .*src\/share\/layout\.ts/);
  });

  it('is loaded with the file that it lies beside, and missed by none', () => {
    const engine = readdirSync(program).find((name) => /^engine-.*\.cjs$/.test(name));
    expect(engine).toBeDefined();
    copyFileSync(join(program, String(engine)), join(directory, 'engine.cjs'));
    const files = {
      'start.cjs': `require('./engine.cjs'); console.log(require('./with.cjs'), require('./without.cjs'));`,
      'with.cjs': `exports.sum = (() => 1 + 2)(); exports.name = require('node:path').basename(__filename);`,
      'without.cjs': `exports.sum = 4; exports.found = require.resolve('./with.cjs') === __dirname + '/with.cjs';`,
    };
    for (const [name, source] of Object.entries(files)) writeFileSync(join(directory, name), source);
    // Code that was compiled of something else, so that the sum tells whether it is taken.
    runAtStart(
      `const wrapped = wrap(readFileSync('with.cjs'));
       const other = Buffer.from(wrapped.toString().replace('1 + 2', '1 + 7'));
       writeFileSync(codeCacheFile('with.cjs'), toCodeCache(wrapped, compile('with.cjs', other)));`,
    );
    expect(run('start.cjs')).toBe(`{ sum: 8, name: 'with.cjs' } { sum: 4, found: true }\n`);
  });
});

describe('a code cache', () => {
  const wrapped = wrap(Buffer.from('exports.answer = [6, 7].reduce((a, b) => a * b);'));

  it('is taken with its source', () => {
    const cache = cacheOf(wrapped);
    expect(compile('a.cjs', wrapped, cache).cachedDataRejected).toBe(false);
  });

  it('is left when a bit of it or of the source is another', () => {
    const cache = cacheOf(wrapped);
    for (let bit = 0; bit < cache.length * 8; bit += 7) {
      expect(compile('a.cjs', wrapped, flipped(cache, bit)).cachedDataRejected, `bit ${bit}`).toBeUndefined();
    }
    for (let bit = 0; bit < 7; bit++) {
      const other = flipped(wrapped, wrapped.indexOf('6') * 8 + (bit % 3));
      expect(compile('a.cjs', other, cache).cachedDataRejected, `bit ${bit}`).toBeUndefined();
    }
  });

  it('is left when it is cut off', () => {
    const cache = cacheOf(wrapped);
    for (const length of [0, 1, 3, 4, 5, cache.length - 1]) {
      expect(
        compile('a.cjs', wrapped, Buffer.from(cache.subarray(0, length))).cachedDataRejected,
      ).toBeUndefined();
    }
  });

  it('does not change what a module is', () => {
    const module = { exports: { answer: 0 } };
    compile('a.cjs', wrapped, cacheOf(wrapped)).runInThisContext().call(module.exports, module.exports);
    expect(module.exports.answer).toBe(42);
  });
});

function cacheOf(wrapped: Buffer): Buffer {
  return Buffer.from(toCodeCache(wrapped, compile('a.cjs', wrapped)));
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
