/** Shows who gets a session and who does not, and that both sides learn why. */
import { expect, test } from 'vitest';
import { deviceIdFromBytes, generateKeyPair } from '../../src/trust/index.js';
import { newShare, openPair, openPeer } from './peers.js';

test('a device that the responder refuses is told so, and the responder reports it', async () => {
  const share = newShare();
  const responder = await openPeer({ share, authorise: () => 'refuse' });
  const stranger = await openPeer({ share });
  await expect(stranger.dial(responder.address)).rejects.toMatchObject({
    code: 'REFUSED',
    message: `${responder.address} refused this device: your device is not a member of this share.`,
  });
  expect(await responder.report()).toContain(stranger.device);
  expect(responder.accepted).toEqual([]);
});

test('a device that the dialler refuses gets no session either', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const dialler = await openPeer({ share, authorise: () => 'refuse' });
  await expect(dialler.dial(responder.address)).rejects.toMatchObject({ code: 'REFUSED' });
  expect(await responder.report()).toMatch(/refused this device/);
  expect(responder.accepted).toEqual([]);
});

test('the expected device is let in, any other is not', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const dialler = await openPeer({ share });
  const other = deviceIdFromBytes(generateKeyPair().publicKey);
  await expect(dialler.dial(responder.address, { expect: other })).rejects.toMatchObject({
    code: 'REFUSED',
    data: { device: responder.device },
  });
  const line = await dialler.dial(responder.address, { expect: responder.device });
  expect(line.session.device).toBe(responder.device);
});

test('a device does not hold a session with itself', async () => {
  const alone = await openPeer({ share: newShare() });
  await expect(alone.dial(alone.address)).rejects.toMatchObject({
    code: 'REFUSED',
    data: { device: alone.device },
  });
});

test('a device of another share gets silence', async () => {
  const responder = await openPeer({ share: newShare() });
  const dialler = await openPeer({ share: newShare(), dialTimeoutMs: 300 });
  await expect(dialler.dial(responder.address)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(responder.endpoint.counters.foreign).toBeGreaterThan(0);
  expect(responder.endpoint.bytesOut).toBe(0);
});

test('nobody there, no address, cancelled before, cancelled meanwhile: each says which', async () => {
  const dialler = await openPeer({ share: newShare(), dialTimeoutMs: 100 });
  const gone = await openPeer({ share: newShare() });
  await gone.endpoint.close();
  await expect(dialler.dial(gone.address)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  await expect(dialler.dial('no.such.host.invalid:1')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  await expect(dialler.dial('127.0.0.1')).rejects.toMatchObject({ code: 'USAGE' });
  const signal = AbortSignal.abort();
  await expect(dialler.endpoint.dial(gone.address, { signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  const controller = new AbortController();
  const dial = dialler.endpoint.dial(gone.address, { signal: controller.signal });
  controller.abort();
  await expect(dial).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('closing the endpoint cancels its dials', async () => {
  const dialler = await openPeer({ share: newShare() });
  const gone = await openPeer({ share: newShare() });
  const dial = dialler.dial(gone.address);
  const outcome = expect(dial).rejects.toMatchObject({ code: 'CANCELLED' });
  await dialler.endpoint.close();
  await outcome;
});

test('a guest may send 64 KiB in all', async () => {
  const { near, far } = await openPair({ responder: { authorise: () => 'guest' } });
  expect([near.session.standing, far.session.standing]).toEqual(['member', 'guest']);
  await near.session.send(new Uint8Array(20_000));
  await far.frame();
  expect(far.closes).toEqual([]);
  await near.session.send(new Uint8Array(50_000));
  expect(await far.closed()).toMatch(/sent more than 65536 bytes before it was admitted/);
  await near.closed();
  expect(far.frames).toHaveLength(1);
});

test('a member may send what it likes', async () => {
  const { near, far } = await openPair({ responder: { authorise: () => 'member' } });
  expect(far.session.standing).toBe('member');
  for (let n = 0; n < 4; n++) await near.session.send(new Uint8Array(100_000));
  await far.frame(4);
});
