/** Shows that a session carries 2 MB whole and in order through a relay that loses 5 % of all packets, under fixed seeds. */
import { expect, test } from 'vitest';
import { seededBytes, seededNumbers } from '../chunking/seeded-bytes.js';
import { newShare, openPeer } from './peers.js';
import { Relay } from './relay.js';

test.each([1, 2, 3])('seed %i', async (seed) => {
  const share = newShare();
  const next = seededNumbers(seed);
  const responder = await openPeer({ share });
  const relay = await Relay.open(responder.endpoint.address.port, () => next() % 100 < 5);
  const dialler = await openPeer({ share });
  const near = await dialler.dial(relay.address);
  const frames = Array.from({ length: 40 }, (_, n) => seededBytes(seed * 1000 + n, 50_000));
  for (const frame of frames) await near.session.send(frame);
  const far = await responder.session();
  await far.frame(frames.length);
  expect(Buffer.compare(Buffer.concat(far.frames), Buffer.concat(frames))).toBe(0);
});
