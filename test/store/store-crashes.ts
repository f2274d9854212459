/**
 * Crashes of the store, as many as are asked for: a life under a seed, power cuts after each of its operations, and after
 * each of them the store is opened, held to its promises, and lives on; and then it crashes once more.
 */
import { expect } from 'vitest';
import { CrashDisk, someCrash } from '../support/crash-disk/crash-disk.js';
import { type Crash, everyCrash, mountAfter } from '../support/crash-disk/every-crash.js';
import { mount } from '../support/crash-disk/mount.js';
import { describeOperations } from '../support/crash-disk/operation.js';
import { seedCrypto } from '../support/crash-disk/seeded-crypto.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { checkPromises, Ledger, live, openStore } from './store-life.js';

const stepsOfLife = 60;
const stepsAfterCrash = 12;

/** @param states - crash states to look at; half of them are those of a second crash */
export async function playStoreCrashes({ seed, states }: { seed: number; states: number }): Promise<void> {
  seedCrypto(seed);
  const disk = mount(CrashDisk.empty());
  const ledger = new Ledger();
  await (await live(await openStore(), ledger, { seed, steps: stepsOfLife })).close();
  const options = { states: Math.floor(states / 2), seed };
  await everyCrash(disk, options, (crashed, crash) => checkAndCrashAgain(crashed, ledger, crash));
}

async function checkAndCrashAgain(disk: CrashDisk, before: Ledger, crash: Crash): Promise<void> {
  const store = await openStore();
  const ledger = await checkPromises(store, before, crash.count);
  await (await live(store, ledger, { seed: crash.seed, steps: stepsAfterCrash })).close();
  expect(disk.openPaths(), 'files left open').toEqual([]);
  const again = someCrash(disk, new SeededChoice(crash.seed));
  mountAfter(disk, again);
  try {
    const reopened = await openStore();
    await checkPromises(reopened, ledger, again.count);
    await reopened.close();
  } catch (cause) {
    const last = describeOperations(disk.operations, again.count);
    throw new Error(`after a second crash, after operation ${again.count}: ${String(cause)}\n${last}\n`, {
      cause,
    });
  }
}
