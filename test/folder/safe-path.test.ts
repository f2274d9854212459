/**
 * A directory stays the one that was checked, even if it is exchanged while it is in use, and no descriptor is
 * left open; shown by exchanging it from inside.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SafePaths } from '../../src/folder/safe-path.js';
import { scratchDirectory } from './scratch.js';

const linux = existsSync('/proc/self/fd');
const existing = { create: false };

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A tree with a/b in it, and another with a trap. */
function scene() {
  const [root, outside] = [scratchDirectory(), scratchDirectory()];
  mkdirSync(join(root, 'a/b'), { recursive: true });
  mkdirSync(join(outside, 'b'));
  const exchange = () => {
    renameSync(join(root, 'a'), join(root, 'moved'));
    symlinkSync(outside, join(root, 'a'));
  };
  return { root, outside, exchange };
}

test.runIf(linux)(
  'by descriptor, what is written after the exchange lands in the directory that was checked',
  () => {
    const { root, outside, exchange } = scene();
    const paths = new SafePaths(root, { descriptors: true });
    const entered = paths.enter(['a', 'b'], existing, (at) => {
      exchange();
      writeFileSync(at('f'), 'x');
    });
    expect(entered.outcome).toBe('inside');
    expect([readdirSync(join(root, 'moved/b')), readdirSync(join(outside, 'b'))]).toEqual([['f'], []]);
  },
);

test('by name, the exchange is noticed afterwards', () => {
  const { root, exchange } = scene();
  const entered = new SafePaths(root, { descriptors: false }).enter(['a', 'b'], existing, exchange);
  expect(entered).toEqual({ outcome: 'obstructed', reason: 'a is a symlink' });
});

test('by name, another directory in the place of the first is noticed too', () => {
  const root = scratchDirectory();
  mkdirSync(join(root, 'a'));
  const entered = new SafePaths(root, { descriptors: false }).enter(['a'], existing, () => {
    renameSync(join(root, 'a'), join(root, 'moved'));
    mkdirSync(join(root, 'a'));
  });
  expect(entered).toEqual({ outcome: 'obstructed', reason: 'a was exchanged while it was in use' });
});

test.each([true, false])('missing directories are told or made, by descriptor: %s', (descriptors) => {
  const root = scratchDirectory();
  const paths = new SafePaths(root, { descriptors });
  expect(paths.enter(['x', 'y'], existing, () => expect.unreachable())).toEqual({ outcome: 'missing' });
  paths.enter(['x', 'y'], { create: true }, (at) => writeFileSync(at('f'), ''));
  expect(existsSync(join(root, 'x/y/f'))).toBe(true);
});

test.runIf(linux)('no descriptor is left open, whichever way it ends', () => {
  const { root } = scene();
  symlinkSync('a', join(root, 'link'));
  const paths = new SafePaths(root, { descriptors: true });
  const before = openDescriptors();
  for (let round = 0; round < 50; round++) {
    paths.enter(['a', 'b'], existing, () => undefined);
    paths.enter(['a', 'none', 'b'], existing, () => undefined);
    paths.enter(['link', 'b'], existing, () => undefined);
    expect(() => paths.enter(['a'], existing, () => expect.unreachable())).toThrow();
  }
  expect(openDescriptors()).toBe(before);
});
