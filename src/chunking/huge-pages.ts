/**
 * Huge pages: 2 MiB of memory in one piece, which Linux gives to those who ask, if it is set to. The disk then gets 4 MiB
 * in two pieces and not in a thousand, and memory that is used for the first time costs a fault for each 2 MiB.
 *
 * A wish and no more: without it everything works as it does with it.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { SharedMemory } from './shared-memory.js';

/** The part of `koffi`, which calls functions of C, that is used. */
interface Koffi {
  load(library: null): { func(prototype: string): (...values: unknown[]) => number };
}

/** Says what the system does, in brackets: `always [madvise] never`. */
const modeFile = '/sys/kernel/mm/transparent_hugepage/enabled';
/** `MADV_HUGEPAGE` in linux/mman.h. */
const adviseHuge = 14;

/**
 * Asks for all of `memory` in huge pages, where they go to those who ask. Pages that were used already stay as they are.
 * @returns whether they were asked for
 */
export function askForHugePages({ buffer }: SharedMemory): boolean {
  if (!goToThoseWhoAsk()) return false;
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    const madvise = koffi.load(null).func('int madvise(void *address, size_t length, int advice)');
    return madvise(new Uint8Array(buffer), buffer.byteLength, adviseHuge) === 0;
  } catch {
    return false; // an optional package: there is no binary of it for every machine
  }
}

function goToThoseWhoAsk(): boolean {
  try {
    return readFileSync(modeFile, 'latin1').includes('[madvise]');
  } catch {
    return false; // another system, or a kernel without them
  }
}
