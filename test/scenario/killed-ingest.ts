/**
 * Snapshots in a process of their own that are killed over and over: files come, change and go, and while `shoal sync`
 * takes them in, in worker threads, it is killed at moments that follow from a seed. Any moment must do: the user's files
 * are not touched, what an earlier run had taken in is there, and a run that is let through takes in the rest.
 */
import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededChoice } from '../support/seeded-choice.js';
import { writeSeededFile } from '../support/seeded-file.js';
import { killShoal, mustRunShoal } from '../support/shoal-command.js';
import { differences, listTree } from '../support/tree-listing.js';

const longFiles = 3;
const longBytes = 12_000_000;
/** More than one job of small files. */
const shortFiles = 600;
const shortBytesMax = 20_000;
const changesPerRound = 200;
/** A snapshot of what a round changes takes about as long, the start of the process included. */
const killWithinMs = 1400;
const roundsPerVerify = 10;

interface Verified {
  readonly ok: boolean;
}

/** @throws Error if anything was lost */
export async function surviveIngestKills(seed: number, kills: number): Promise<void> {
  const choice = new SeededChoice(seed);
  const directory = await mkdtemp(join(tmpdir(), 'shoal-test-'));
  try {
    await mkdir(join(directory, 'd'));
    for (let count = 0; count < longFiles; count++)
      await writeSeededFile(join(directory, `long-${count}`), choice.seed(), longBytes);
    for (let count = 0; count < shortFiles; count++) await change(directory, count, choice);
    await mustRunShoal('init', directory);
    for (let round = 1; round <= kills; round++) {
      for (let count = 0; count < changesPerRound; count++)
        await change(directory, choice.below(shortFiles), choice);
      await appendFile(join(directory, `long-${choice.below(longFiles)}`), `round ${round}`);
      await writeSeededFile(join(directory, `long-${choice.below(longFiles)}`), choice.seed(), longBytes);
      const before = await listTree(directory, { content: true });
      await killShoal(choice.below(killWithinMs), 'sync', directory);
      const changes = differences(before, await listTree(directory, { content: true }));
      if (changes.length > 0) throw new Error(`a snapshot changed the folder: ${changes.join('; ')}`);
      if (round % roundsPerVerify === 0 || round === kills) await verifyWhole(directory);
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Gives a short file other content, or removes it. */
async function change(directory: string, number: number, choice: SeededChoice): Promise<void> {
  const path = join(directory, 'd', `short-${number}`);
  if (choice.below(10) === 0) await rm(path, { force: true });
  else await writeSeededFile(path, choice.seed(), choice.below(shortBytesMax));
}

/** Lets a snapshot through, and reads everything again. */
async function verifyWhole(directory: string): Promise<void> {
  await mustRunShoal('sync', directory);
  const verified = (await mustRunShoal('verify', directory, '--json')).json<Verified>();
  if (!verified.ok) throw new Error(`something is missing or damaged: ${JSON.stringify(verified)}`);
}
