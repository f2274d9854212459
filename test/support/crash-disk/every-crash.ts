/**
 * Plays crashes of a disk that a scenario has run on, spread over all its operations, and reports the first operation after
 * which one goes wrong, with the numbers that play it again.
 */
import { SeededChoice } from '../seeded-choice.js';
import type { CrashDisk } from './crash-disk.js';
import { mount } from './mount.js';
import { describeOperations } from './operation.js';

export interface Crash {
  /** Operations that were made before it. */
  readonly count: number;
  readonly seed: number;
}

/** Looks at a mounted disk after a crash. @throws if something is not as it should be */
export type Check = (disk: CrashDisk, crash: Crash) => Promise<void>;

/** @param states - how many crashes to play; at least one after each operation, if there are as many */
export async function everyCrash(
  disk: CrashDisk,
  { states, seed, from = 0 }: { readonly states: number; readonly seed: number; readonly from?: number },
  check: Check,
): Promise<void> {
  const choice = new SeededChoice(seed);
  const places = disk.operations.length - from + 1;
  for (let state = 0; state < states; state++) {
    const count = from + Math.floor((state * places) / states);
    const crash = { count, seed: choice.seed() };
    const failure = await failureOf(disk, crash, check);
    if (failure !== undefined) throw await shrunk(disk, { crash, failure, from }, check);
  }
}

/** A disk that crashed, mounted. */
export function mountAfter(disk: CrashDisk, crash: Crash): CrashDisk {
  return mount(disk.afterCrash(crash));
}

async function failureOf(disk: CrashDisk, crash: Crash, check: Check): Promise<unknown> {
  try {
    await check(mountAfter(disk, crash), crash);
    return undefined;
  } catch (error) {
    return error ?? new Error('failed with nothing said');
  }
}

const triesPerPlace = 8;

/** Looks for the first operation after which a crash goes wrong. */
async function shrunk(
  disk: CrashDisk,
  known: { readonly crash: Crash; readonly failure: unknown; readonly from: number },
  check: Check,
): Promise<Error> {
  let { crash, failure } = known;
  const choice = new SeededChoice(crash.seed);
  const seeds = [crash.seed, ...Array.from({ length: triesPerPlace }, () => choice.seed())];
  search: for (let count = known.from; count < crash.count; count++) {
    for (const seed of seeds) {
      const earlier = await failureOf(disk, { count, seed }, check);
      if (earlier === undefined) continue;
      [crash, failure] = [{ count, seed }, earlier];
      break search;
    }
  }
  const reason = failure instanceof Error ? failure.message : String(failure);
  const where = `a crash after operation ${crash.count} with seed ${crash.seed}`;
  const last = describeOperations(disk.operations, crash.count);
  return new Error(`${where}: ${reason}\nthe last operations:\n${last}`, { cause: failure });
}
