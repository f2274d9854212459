/** Files of any size whose content depends on a seed alone and that no compressor makes smaller. */
import { open } from 'node:fs/promises';
import { seededNumbers } from '../chunking/seeded-bytes.js';

const blockBytes = 1024 * 1024;

/** Writes `sizeBytes` to a new or emptied file at `path`; memory does not grow with the size. */
export async function writeSeededFile(path: string, seed: number, sizeBytes: number): Promise<void> {
  const next = seededNumbers(seed);
  const words = new Uint32Array(blockBytes / 4);
  const block = new Uint8Array(words.buffer);
  const file = await open(path, 'w');
  try {
    for (let written = 0; written < sizeBytes; written += blockBytes) {
      for (let index = 0; index < words.length; index++) words[index] = next();
      await file.write(block.subarray(0, Math.min(blockBytes, sizeBytes - written)));
    }
  } finally {
    await file.close();
  }
}
