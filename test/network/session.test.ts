/** Shows what two devices that trust each other can rely on: frames in order, sealed datagrams, counters, endings. */
import { expect, test } from 'vitest';
import { datagramPlainBytesMax, Endpoint } from '../../src/network/index.js';
import { frameBytesMax } from '../../src/transfer/index.js';
import { generateKeyPair } from '../../src/trust/index.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { newShare, openPair, openPeer } from './peers.js';

const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

test('frames of every size arrive in order, both ways at once', async () => {
  const { near, far } = await openPair();
  const lengths = [1, 2, 3, 4, 5, 1199, 16_383, 16_384, 65_536, frameBytesMax - 1, frameBytesMax, 1];
  const frames = lengths.map((length, seed) => seededBytes(seed, length));
  for (const frame of frames) {
    await Promise.all([near.session.send(frame), far.session.send(frame)]);
  }
  await Promise.all([near.frame(frames.length), far.frame(frames.length)]);
  expect(near.frames.map(hex)).toEqual(frames.map(hex));
  expect(far.frames.map(hex)).toEqual(frames.map(hex));
});

test('each side knows who the other is, where, and who dialled', async () => {
  const { dialler, responder, near, far } = await openPair();
  expect(near.session).toMatchObject({
    device: responder.device,
    address: responder.address,
    initiator: true,
  });
  expect(far.session).toMatchObject({ device: dialler.device, address: dialler.address, initiator: false });
  expect([near.session.standing, far.session.standing]).toEqual(['member', 'member']);
});

test('three endpoints hold a session with each other', async () => {
  const share = newShare();
  const peers = await Promise.all([1, 2, 3].map(() => openPeer({ share })));
  const [a, b, c] = peers;
  if (a === undefined || b === undefined || c === undefined) throw new Error('three were opened');
  const lines = await Promise.all([a.dial(b.address), b.dial(c.address), c.dial(a.address)]);
  await Promise.all(lines.map((line, n) => line.session.send(Uint8Array.of(n))));
  const got = await Promise.all([b, c, a].map(async (peer) => (await peer.session()).frame()));
  expect(got.map(hex)).toEqual(['00', '01', '02']);
});

test('what the responder sends before the dialler has taken its session is kept', async () => {
  const share = newShare();
  const frame = seededBytes(1, 100_000);
  const responder = await openPeer({
    share,
    onSession: (session) => {
      session.start({ onFrame: () => undefined, onDatagram: () => undefined, onClose: () => undefined });
      for (let n = 0; n < 9; n++) void session.send(frame);
      session.close('all said');
    },
  });
  const dialler = await openPeer({ share });
  const near = await dialler.dial(responder.address);
  await near.closed();
  expect(near.frames.length).toBe(9);
  expect(near.frames.map(hex)).toEqual(near.frames.map(() => hex(frame)));
});

test('sealed datagrams arrive, up to 1,200 bytes in all, and nothing in them can be read on the way', async () => {
  const { near, far } = await openPair();
  const plain = seededBytes(2, datagramPlainBytesMax);
  near.session.sendDatagram(plain);
  far.session.sendDatagram(Uint8Array.of());
  await Promise.all([
    far.until(() => far.datagrams.length === 1),
    near.until(() => near.datagrams.length === 1),
  ]);
  expect(hex(far.datagrams[0])).toBe(hex(plain));
  expect(near.datagrams[0]).toHaveLength(0);
  expect(() => near.session.sendDatagram(new Uint8Array(datagramPlainBytesMax + 1))).toThrow();
});

test('send waits while a mebibyte is queued, and goes on when it has left', async () => {
  const { near, far } = await openPair();
  const frame = seededBytes(3, frameBytesMax);
  let waiting = 0;
  const sends = Array.from({ length: 64 }, async () => {
    let settled = false;
    const sent = near.session.send(frame).then(() => {
      settled = true;
    });
    await Promise.resolve();
    await Promise.resolve();
    if (!settled) waiting++;
    await sent;
  });
  await Promise.all(sends);
  expect(waiting).toBeGreaterThan(32);
  await far.frame(64);
});

test('a caller that never waits is stopped before the queue fills the memory', async () => {
  const { near } = await openPair();
  const frame = new Uint8Array(frameBytesMax);
  const sends = Array.from({ length: 300 }, () => near.session.send(frame));
  const outcomes = await Promise.allSettled(sends);
  expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'UNREACHABLE' } });
  expect(outcomes.some((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'LIMIT')).toBe(
    true,
  );
  expect(await near.closed()).toMatch(/takes less/);
});

test('closing lets what was sent arrive, and tells both sides once', async () => {
  const { near, far } = await openPair();
  const frame = seededBytes(4, 100_000);
  for (let n = 0; n < 5; n++) void near.session.send(frame);
  near.session.close('done for today');
  near.session.close('again');
  expect(near.closes).toEqual([]); // never from within a call
  expect(await near.closed()).toBe('done for today');
  expect(await far.closed()).toMatch(/the other side closed/);
  expect(far.frames).toHaveLength(5);
  await expect(near.session.send(frame)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  near.session.sendDatagram(frame.subarray(0, 10));
  expect([near.closes.length, far.closes.length]).toEqual([1, 1]);
});

test('a handler that finds a frame malformed ends the session, and only that one', async () => {
  const share = newShare();
  const { ShoalError } = await import('../../src/error.js');
  const closes: string[] = [];
  const responder = await openPeer({
    share,
    onSession: (session) =>
      session.start({
        onFrame: () => {
          throw new ShoalError('MALFORMED', 'not a message');
        },
        onDatagram: () => undefined,
        onClose: (reason) => closes.push(reason),
      }),
  });
  const dialler = await openPeer({ share });
  const near = await dialler.dial(responder.address);
  await near.session.send(Uint8Array.of(1));
  await near.closed();
  expect(closes).toEqual(['the other side broke the protocol: not a message']);
  await dialler.dial(responder.address);
});

test('every byte is counted where it passes', async () => {
  const { dialler, responder, near, far } = await openPair();
  const before = { session: near.session.bytesOut, endpoint: dialler.endpoint.bytesOut };
  const frame = seededBytes(5, 50_000);
  await near.session.send(frame);
  near.session.sendDatagram(new Uint8Array(1000));
  await far.frame();
  await far.until(() => far.datagrams.length === 1);
  expect(near.session.bytesOut - before.session).toBeGreaterThan(51_000);
  expect(dialler.endpoint.bytesOut - before.endpoint).toBeGreaterThan(51_000);
  expect(far.session.bytesIn).toBeGreaterThan(51_000);
  expect(responder.endpoint.bytesIn).toBeGreaterThan(far.session.bytesIn);
  expect(responder.endpoint.bytesIn).toBeLessThan(62_000);
});

test('closing an endpoint ends its sessions, frees its port, and may be asked for twice', async () => {
  const { responder, near } = await openPair();
  const { port } = responder.endpoint.address;
  await Promise.all([responder.endpoint.close(), responder.endpoint.close()]);
  expect(await near.closed()).toMatch(/the other side closed/);
  await expect(responder.endpoint.dial('127.0.0.1:9')).rejects.toMatchObject({ code: 'CANCELLED' });
  const next = await openPeer({ share: newShare(), port });
  expect(next.endpoint.address.port).toBe(port);
});

test('a taken port is an error, or the next free one is used', async () => {
  const share = newShare();
  const first = await openPeer({ share });
  const { port } = first.endpoint.address;
  await expect(openPeer({ share, port })).rejects.toMatchObject({ code: 'IO' });
  const second = await openPeer({ share, port, portTries: 20 });
  expect(second.endpoint.address.port).toBeGreaterThan(port);
  expect(second.endpoint.address.port).toBeLessThanOrEqual(port + 20);
});

test('names and IPv6 addresses can be dialled', async () => {
  const share = newShare();
  const device = generateKeyPair();
  const both = await Endpoint.open({
    share,
    device,
    host: '::',
    port: 0,
    authorise: () => 'member',
    onSession: (session) =>
      session.start({ onFrame: () => undefined, onDatagram: () => undefined, onClose: () => undefined }),
    onReport: () => undefined,
  });
  try {
    const four = await openPeer({ share });
    const six = await openPeer({ share, host: '::1' });
    await four.dial(`localhost:${both.address.port}`);
    const line = await six.dial(`[::1]:${both.address.port}`);
    expect(line.session.address).toBe(`[::1]:${both.address.port}`);
    await expect(four.dial('[::1]:9')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  } finally {
    await both.close();
  }
});
