/**
 * A repair in a process of its own that is killed over and over: a device's packs are cut and its files rot, and while a
 * peer holds everything, `shoal verify --repair` is killed at moments that follow from a seed. Any moment must do: the
 * files are at all times either whole or as they were found, and a repair that is let through heals everything.
 */
import { open, readdir, stat, truncate, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { collectGarbage } from '../../src/share/index.js';
import { layoutOf } from '../../src/share/layout.js';
import { Group, proveEqual, untilEqual } from '../support/group.js';
import type { Peer } from '../support/peer.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { writeSeededFile } from '../support/seeded-file.js';
import { killShoal, mustRunShoal } from '../support/shoal-command.js';
import { differences, type Listing } from '../support/tree-listing.js';

const filesCount = 30;
const fileBytes = 120_000;
/** A repair of all this takes about as long, the start of the process included. */
const killWithinMs = 900;
/** A file that rots in each round. */
const rottenBytes = 7;

/** @throws Error if anything was lost, or is not healed */
export async function surviveKills(seed: number, kills: number): Promise<void> {
  const choice = new SeededChoice(seed);
  const group = await Group.open(['rw']);
  try {
    const [first, victim] = [group.first, group.peer(1)];
    for (let count = 0; count < filesCount; count++)
      await writeSeededFile(first.path(`file-${count}`), choice.seed(), fileBytes);
    await untilEqual([first, victim]);
    const listing = await first.list({ content: true });
    await victim.stop('SIGTERM');
    // A pull in several batches leaves nodes of states that only this device had: no peer could give those back.
    await collectGarbage(layoutOf(victim.directory), {
      keepMs: 0,
      now: Date.now,
      signal: new AbortController().signal,
    });
    for (let round = 0; round < kills; round++) {
      await damage(victim, listing, choice);
      await killShoal(choice.below(killWithinMs), 'verify', victim.directory, '--repair');
    }
    await damage(victim, listing, choice);
    await mustRunShoal('verify', victim.directory, '--repair', '--json');
    await victim.start();
    await untilEqual([first, victim]);
    await proveEqual([first, victim]);
    // Equal is not enough: rot that was taken for an edit would be equal, too.
    const changes = differences(listing, await first.list({ content: true }));
    if (changes.length > 0) throw new Error(`rot reached the peer: ${changes.join('; ')}`);
  } finally {
    await group.close();
  }
}

/** Cuts a pack short and flips bits of a file, whose time stays. */
async function damage(victim: Peer, listing: Listing, choice: SeededChoice): Promise<void> {
  const packs = victim.path('.shoal', 'store', 'packs');
  const pack = join(packs, choice.of((await readdir(packs)).sort()));
  const { size } = await stat(pack);
  await truncate(pack, choice.below(size + 1));
  const name = `file-${choice.below(filesCount)}`;
  const path = victim.path(name);
  const file = await open(path, 'r+');
  await file.write(
    Buffer.alloc(rottenBytes, 'rotten'),
    0,
    rottenBytes,
    choice.below(fileBytes - rottenBytes),
  );
  await file.close();
  // The time it had at first: times are set with less precision than they are read, and losses would add up.
  const seconds = Number(listing.get(name)?.mtimeNs) / 1e9;
  await utimes(path, seconds, seconds);
}
