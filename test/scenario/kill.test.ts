/**
 * Shows that `kill -9` at any moment loses nothing: 50 times in a row one of three peers is killed while users edit
 * on all of them, and is started again. The victim, and the moment as a number of its events, follow from a seed. At
 * the end everything that was written and not superseded is there on every peer, with the right content; nothing
 * else has become a change; `verify` finds nothing; and no unfinished file is left.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Group, proveEqual, untilEqual } from '../support/group.js';
import { Editor, Ledger } from '../support/ledger.js';
import type { Peer } from '../support/peer.js';
import { SeededChoice } from '../support/seeded-choice.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_260_102);
const kills = 50;
/** A victim is killed at the latest after so many events. */
const eventsMax = 7;

const choice = new SeededChoice(seed);
const ledger = new Ledger();
let group: Group;
let editors: Editor[];

beforeAll(async () => {
  group = await Group.open(['rw', 'rw']);
  editors = group.peers.map((peer) => new Editor(peer, ledger, new SeededChoice(choice.seed())));
});
afterAll(() => group.close());

test(`${kills} kills lose nothing (seed ${seed}, set by SHOAL_SEED)`, { timeout: 240_000 }, async () => {
  for (let round = 0; round < kills; round++) {
    const victim = choice.of(group.peers);
    const eventsSoFar = victim.process.seen.length;
    await editSomewhere(round);
    await untilMoment(victim, eventsSoFar);
    if (!victim.process.isRunning) throw new Error(`It ended by itself:\n${victim.process.describe()}`);
    await victim.stop('SIGKILL');
    if (choice.below(2) === 0) await choice.of(editors).edit();
    victim.launch();
  }
  await Promise.all(group.peers.map((peer) => peer.process.waitFor('ready')));
  await untilEqual(group.peers);
  await proveEqual(group.peers);
  expect(ledger.faults(await group.first.list({ content: true }))).toEqual([]);
  expect(ledger.owned.size).toBeGreaterThan(kills / 2);
});

async function editSomewhere(round: number): Promise<void> {
  const edits = 1 + choice.below(3);
  for (let count = 0; count < edits; count++) await choice.of(editors).edit();
  if (choice.below(3) === 0) await Promise.all(editors.map((editor) => editor.share(`${round}.txt`)));
}

/**
 * After a number of events of the victim, or when it is in sync and none will come; and then a little later still, by a
 * number of questions to it, to get between the events.
 */
async function untilMoment(victim: Peer, eventsSoFar: number): Promise<void> {
  const events = choice.below(eventsMax);
  const questions = choice.below(4);
  await victim.process.waitUntil(
    (seen) =>
      seen.length >= eventsSoFar + events ||
      seen.slice(eventsSoFar).some(({ event }) => event.event === 'insync'),
    `${victim.name} had reported ${events} more events, or was in sync`,
  );
  const isReady = victim.process.seen.some(({ event }) => event.event === 'ready');
  for (let count = 0; count < questions && isReady; count++) await victim.status();
}
