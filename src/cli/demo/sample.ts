/** The sample files of the demo, the same on every machine: all bytes come from a seed. */
import { createCipheriv } from 'node:crypto';
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export const sampleSeed = 1;
/** The big files: big enough to be caught in the middle of being received. */
export const largeFileBytes = 64_000_000;

const sourceFiles = 200;
const sourceFilesPerModule = 20;
const sourceLinesMax = 300;
const logFileBytes = 10_000_000;
const blockBytes = 1_000_000;
const words = 'chunk folder share peer ticket root head entry store session replica recipe'.split(' ');

/** Fills `directory` with a tree like a project's: many small texts, and a log of 10 MB. */
export async function writeSampleTree(directory: string, seed: number): Promise<void> {
  const random = seededRandom(seed);
  for (let index = 0; index < sourceFiles; index++) {
    const module = Math.floor(index / sourceFilesPerModule);
    const path = join(directory, 'source', `module-${module}`, `part-${index}.ts`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, sourceText(random, 1 + Math.floor(random() * sourceLinesMax)));
  }
  await writeFile(join(directory, 'records.log'), logText(random, logFileBytes));
}

/** Writes `bytes` bytes that no compressor can shrink. */
export async function writeIncompressible(path: string, bytes: number, seed: number): Promise<void> {
  const stream = incompressibleStream(seed);
  const file = await open(path, 'wx');
  try {
    for (let left = bytes; left > 0; left -= blockBytes) {
      await file.write(stream(Math.min(left, blockBytes)));
    }
  } finally {
    await file.close();
  }
}

/** @returns a function that gives the next `length` bytes of the stream of `seed`: the key stream of AES in counter mode */
export function incompressibleStream(seed: number): (length: number) => Uint8Array {
  const key = new Uint8Array(16);
  new DataView(key.buffer).setUint32(0, seed);
  const cipher = createCipheriv('aes-128-ctr', key, new Uint8Array(16));
  return (length) => cipher.update(new Uint8Array(length));
}

/** A small generator for what need not be secret (mulberry32). @returns numbers from 0 up to, and without, 1 */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sourceText(random: () => number, lines: number): string {
  let text = '';
  for (let line = 0; line < lines; line++) {
    text += `export const ${word(random)}${line} = ${word(random)}(${Math.floor(random() * 1e6)});\n`;
  }
  return text;
}

function logText(random: () => number, bytes: number): string {
  const lines: string[] = [];
  for (let length = 0; length < bytes; length += lines.at(-1)?.length ?? 0) {
    lines.push(`${lines.length} ${word(random)} ${word(random)} took ${Math.floor(random() * 1e9)} ns\n`);
  }
  return lines.join('').slice(0, bytes);
}

function word(random: () => number): string {
  return words[Math.floor(random() * words.length)] ?? '';
}
