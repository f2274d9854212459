/** Random damage to the files of a store at rest, as a disk, a bad copy or a restored backup would do it, under a seed. */
import { open, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SeededChoice } from '../support/seeded-choice.js';

const storeFile = /^(?:CURRENT|MANIFEST-\d+|\d+\.(?:log|ldb|pack))$/;
/** Most bytes that one damage zeroes. */
const zeroedMax = 4096;

/** Damages one file. @returns what was done, for the message of a failed test */
export async function damageStore(directory: string, choice: SeededChoice): Promise<string> {
  const names = (await readdir(directory, { recursive: true }))
    .filter((name) => storeFile.test(name.split('/').at(-1) ?? ''))
    .sort();
  const name = choice.of(names);
  const path = join(directory, name);
  const { size } = await stat(path);
  if (size === 0) return `${name} is empty`;
  const at = choice.below(size);
  switch (choice.below(4)) {
    case 0: {
      await truncate(path, at);
      return `${name} cut at ${at} of ${size}`;
    }
    case 1: {
      const length = Math.min(1 + choice.below(zeroedMax), size - at);
      await overwrite(path, at, () => Buffer.alloc(length));
      return `${name} zeroed from ${at}, ${length} of ${size}`;
    }
    case 2: {
      const other = choice.of(names);
      await swap(path, join(directory, other));
      return `${name} swapped with ${other}`;
    }
    default: {
      const bit = choice.below(8);
      const [byte = 0] = (await readFile(path)).subarray(at);
      await overwrite(path, at, () => Uint8Array.of(byte ^ (1 << bit)));
      return `${name} has bit ${bit} of byte ${at} of ${size} flipped`;
    }
  }
}

async function overwrite(path: string, at: number, bytes: () => Uint8Array): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write(bytes(), 0, undefined, at);
  } finally {
    await file.close();
  }
}

async function swap(one: string, other: string): Promise<void> {
  if (one === other) return;
  const bytes = await readFile(one);
  await rename(other, one);
  await writeFile(other, bytes);
}
