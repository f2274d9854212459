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
  load(library: null): { func(prototype: string): Madvise };
}

/** Says what the system does, in brackets: `always [madvise] never`. */
const modeFile = '/sys/kernel/mm/transparent_hugepage/enabled';
/** `MADV_HUGEPAGE` in linux/mman.h. */
const adviseHuge = 14;

type Madvise = (bytes: Uint8Array, length: number, advice: number) => number;
let madvise: Madvise | undefined;

/**
 * Asks for all of `memory` in huge pages, where they go to those who ask. Pages that were used already stay as they are.
 * @returns whether they were asked for
 */
export function askForHugePages({ buffer }: SharedMemory): boolean {
  if (!goToThoseWhoAsk()) return false;
  madvise ??= loadMadvise();
  return madvise(new Uint8Array(buffer), buffer.byteLength, adviseHuge) === 0;
}

function goToThoseWhoAsk(): boolean {
  try {
    return readFileSync(modeFile, 'latin1').includes('[madvise]');
  } catch {
    return false; // another system, or a kernel without them
  }
}

function loadMadvise(): Madvise {
  try {
    const koffi: Koffi = createRequire(import.meta.url)('koffi');
    return koffi.load(null).func('int madvise(void *bytes, size_t length, int advice)');
  } catch {
    return () => -1; // an optional package: there is no binary of it for every machine
  }
}
