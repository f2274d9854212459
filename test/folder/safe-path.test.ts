/**
 * A directory stays the one that was checked, even if it is exchanged while it is in use, and no descriptor is
 * left open; shown by exchanging it from inside.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Enter, SafePaths } from '../../src/folder/safe-path.js';
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

/** What lies in the directory that `components` name, or why there is nothing. */
function listing(enter: Enter, ...components: string[]): readonly string[] | string {
  const entered = enter(components, (at) => readdirSync(at('.')));
  return entered.outcome === 'inside' ? entered.value : entered.outcome;
}

test.each([true, false])('a visit enters one directory after another, by descriptor: %s', (descriptors) => {
  const { root, outside } = scene();
  mkdirSync(join(root, 'a/b/c'));
  mkdirSync(join(root, 'd/b'), { recursive: true });
  writeFileSync(join(root, 'd/b/file'), '');
  symlinkSync(outside, join(root, 'link'));
  const seen = new SafePaths(root, { descriptors }).visit((enter) => [
    listing(enter, 'a', 'b'),
    listing(enter, 'a', 'b', 'c'),
    listing(enter, 'a', 'none', 'c'),
    listing(enter, 'link', 'b'),
    listing(enter, 'a'),
    listing(enter, 'd', 'b'),
    listing(enter),
    listing(enter, 'd', 'b'),
  ]);
  expect(seen).toEqual([['c'], [], 'missing', 'obstructed', ['b'], ['file'], ['a', 'd', 'link'], ['file']]);
});

test.runIf(linux)('a visit stays with the directories it entered, and goes nowhere else', () => {
  const { root, outside, exchange } = scene();
  writeFileSync(join(outside, 'b/trap'), '');
  mkdirSync(join(root, 'a/c'));
  const seen = new SafePaths(root, { descriptors: true }).visit((enter) => {
    const before = listing(enter, 'a', 'b');
    exchange();
    return [
      before,
      listing(enter, 'a', 'b'),
      listing(enter, 'a', 'c'),
      listing(enter),
      listing(enter, 'a', 'b'),
    ];
  });
  expect(seen).toEqual([[], [], [], ['a', 'moved'], 'obstructed']);
});

test.runIf(linux)('a visit of deep directories keeps few descriptors open, and none at its end', () => {
  const root = scratchDirectory();
  const deep: string[] = Array(50).fill('level'); // equal names: none must be taken for one at another depth
  const sibling = [...deep.slice(0, 40), 'sibling'];
  const near = deep.slice(0, 3);
  mkdirSync(join(root, ...deep, 'bottom'), { recursive: true });
  mkdirSync(join(root, ...sibling, 'other'), { recursive: true });
  const before = openDescriptors();
  const paths = new SafePaths(root, { descriptors: true });
  paths.visit((enter) => {
    expect(listing(enter, ...deep)).toEqual(['bottom']);
    expect(listing(enter, ...sibling)).toEqual(['other']);
    expect(listing(enter, ...deep)).toEqual(['bottom']);
    expect(openDescriptors() - before).toBeLessThanOrEqual(33);
    expect(listing(enter, ...near)).toEqual(['level']);
    expect(openDescriptors() - before).toBe(4);
    expect(listing(enter, ...deep, 'none')).toBe('missing');
  });
  expect(openDescriptors()).toBe(before);
  expect(() => paths.visit((enter) => enter(deep, () => expect.unreachable()))).toThrow();
  expect(openDescriptors()).toBe(before);
});
