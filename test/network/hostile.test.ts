/** Shows that what outsiders, scanners and broken or hostile devices send costs little, opens nothing and disturbs nobody. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { dialTranscript } from '../../src/network/dial-datagram.js';
import { halfOpenMax } from '../../src/network/dial-gate.js';
import { frameBytesMax } from '../../src/transfer/index.js';
import { seededBytes, seededNumbers } from '../chunking/seeded-bytes.js';
import { newShare, openPair, openPeer } from './peers.js';
import { Relay } from './relay.js';
import { controlOf, dialRogue, framed, memberRogue, secureRogue } from './rogue.js';

test('1,000 random datagrams of all types leave a session and new dials undisturbed', async () => {
  const { responder, near, far } = await openPair();
  const next = seededNumbers(20);
  const attacker = createSocket('udp4');
  for (let n = 0; n < 1000; n++) {
    const bytes = seededBytes(n, next() % 1400);
    const type = [1, 2, 3, 0xff, next() % 256][n % 5] ?? 0;
    if (bytes.length > 0) bytes[0] = type;
    if (type === 0xff && bytes.length > 1) bytes[1] = 1;
    attacker.send(bytes, responder.endpoint.address.port, '127.0.0.1');
    if (n % 50 === 49) {
      await near.session.send(Uint8Array.of(n % 256)); // in between, so that the socket's buffer does not overflow
      await far.frame((n + 1) / 50);
    }
  }
  attacker.close();
  expect(responder.endpoint.counters.foreign).toBeGreaterThan(800);
  expect([near.closes, far.closes, responder.reports]).toEqual([[], [], []]);
  await near.session.send(Uint8Array.of(1));
  const late = await openPair();
  await late.near.session.send(Uint8Array.of(2));
});

test('nothing but a valid dial is answered, and the answer is shorter than the dial', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const relay = await Relay.open(responder.endpoint.address.port);
  const dialler = await openPeer({ share });
  await dialler.dial(relay.address);
  const [dial] = relay.ofType(1, 'to-responder');
  const [answer] = relay.ofType(2, 'to-dialler');
  expect([dial?.bytes.length, answer?.bytes.length]).toEqual([128, 58]);

  const sent = responder.endpoint.bytesOut;
  const scanner = createSocket('udp4');
  const { port } = responder.endpoint.address;
  const bytes = dial?.bytes ?? new Uint8Array();
  for (let at = 0; at < bytes.length; at++) {
    const broken = Uint8Array.from(bytes);
    broken[at] = (broken[at] ?? 0) ^ 1;
    scanner.send(broken, port, '127.0.0.1');
    scanner.send(bytes.subarray(0, at), port, '127.0.0.1');
  }
  scanner.send(bytes, port, '127.0.0.1'); // the very dial, from somewhere else
  const line = await dialler.dial(responder.address); // has its answer after all of the above was looked at
  scanner.close();
  expect(responder.endpoint.counters.turnedAway).toBe(1);
  expect(responder.endpoint.counters.foreign).toBeGreaterThanOrEqual(254);
  expect(responder.accepted.length).toBeGreaterThanOrEqual(1);
  expect(responder.endpoint.bytesOut - sent).toBeLessThan(8000); // one handshake and no answer more
  line.session.close('seen enough');
});

test('a dial that is repeated gets its answer again, and no second stream', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  let answers = 0;
  const relay = await Relay.open(
    responder.endpoint.address.port,
    (packet) => packet.bytes[0] === 2 && answers++ === 0,
  );
  const dialler = await openPeer({ share });
  const near = await dialler.dial(relay.address);
  const [lost, repeated] = relay.ofType(2, 'to-dialler');
  expect(Buffer.from(repeated?.bytes ?? [])).toEqual(Buffer.from(lost?.bytes ?? []));
  await near.session.send(Uint8Array.of(1));
  await (await responder.session()).frame();
  expect(responder.accepted).toHaveLength(1);
});

test('a flood of dials is held to ten at once and five a second for one address', async () => {
  const share = newShare();
  let clockMs = 0;
  const responder = await openPeer({ share, now: () => clockMs });
  for (let n = 0; n < 10; n++) await dialRogue(share, responder.address);
  const dialler = await openPeer({ share, dialTimeoutMs: 50 });
  await expect(dialler.dial(responder.address)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  expect(responder.endpoint.counters.turnedAway).toBe(1);
  clockMs += 200;
  await dialRogue(share, responder.address);
});

test('half-open streams are bounded, and end when their time is up', async () => {
  const share = newShare();
  let clockMs = 0;
  const now = (): number => {
    clockMs += 1000;
    return clockMs;
  };
  const responder = await openPeer({ share, now, handshakeTimeoutMs: 1500 });
  const rogues = await Promise.all(
    Array.from({ length: halfOpenMax }, () => dialRogue(share, responder.address)),
  );
  const waiting = await openPeer({ share, dialTimeoutMs: 5000 });
  const dial = waiting.dial(responder.address); // silence at first, let in once the others have been shown out
  await Promise.all(rogues.map((rogue) => rogue.gone));
  await (await dial).session.send(Uint8Array.of(1));
  expect(responder.endpoint.counters.turnedAway).toBeGreaterThan(0);
  expect(await responder.report(halfOpenMax)).toMatch(/took too long/);
});

test('a stranger without certificate, with another protocol, or with an older TLS gets no session', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  for (const wrong of [
    { key: '', cert: '' },
    { ALPNProtocols: ['http/1.1'] },
    { ALPNProtocols: [] },
    { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT' } as const,
  ]) {
    const rogue = await dialRogue(share, responder.address);
    await secureRogue(rogue, wrong);
    await rogue.gone;
  }
  await responder.report(4);
  expect(responder.accepted).toEqual([]);
});

test('a stranger that sends no TLS, or sends without end, is cut off', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const talker = await dialRogue(share, responder.address);
  talker.stream.write(seededBytes(1, 1000));
  await talker.gone;
  const flooder = await dialRogue(share, responder.address);
  const record = Buffer.concat([Buffer.of(0x16, 3, 1, 0x40, 0), Buffer.alloc(0x4000)]);
  record.set([1, 0, 0xff, 0xff], 5); // a client hello of 64 KiB
  for (let n = 0; n < 8; n++) flooder.stream.write(record);
  await flooder.gone;
  await responder.report(2);
  expect(responder.accepted).toEqual([]);
});

test('a control frame of another dial, of unknown form, or none, ends the connection', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const wrongs = [
    (rogue: Awaited<ReturnType<typeof dialRogue>>, tls: Awaited<ReturnType<typeof secureRogue>>) =>
      controlOf(tls, dialTranscript(newShare(), rogue.answer)),
    () => framed(Uint8Array.of(1, 1)),
    () => framed(Uint8Array.of(9)),
    () => framed(new Uint8Array(0)),
    () => framed(new Uint8Array(8), 100_000),
  ];
  for (const wrong of wrongs) {
    const rogue = await dialRogue(share, responder.address);
    const tls = await secureRogue(rogue);
    await once(tls, 'secureConnect');
    tls.write(wrong(rogue, tls));
    await rogue.gone;
  }
  await responder.report(wrongs.length);
  expect(responder.reports[2]).toMatch(/protocol 9/);
  expect(responder.accepted).toEqual([]);
});

test.each([
  ['empty', framed(new Uint8Array(0))],
  ['one byte too long', framed(new Uint8Array(8), frameBytesMax + 1)],
  ['of 4 GiB', framed(new Uint8Array(8), 0xffff_ffff)],
])('a frame that is %s ends the session', async (_name, bytes) => {
  const share = newShare();
  const responder = await openPeer({ share });
  const rogue = await memberRogue(share, responder.address);
  const far = await responder.session();
  rogue.tls.write(framed(Uint8Array.of(1, 2, 3)));
  rogue.tls.write(bytes);
  expect(await far.closed()).toMatch(/broke the protocol: a frame of/);
  expect(far.frames).toHaveLength(1);
  await rogue.gone;
});

test('a frame that is cut off in the middle is never delivered', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const rogue = await memberRogue(share, responder.address);
  const far = await responder.session();
  rogue.tls.end(framed(new Uint8Array(10), 11));
  expect(await far.closed()).toMatch(/the other side closed/);
  expect(far.frames).toEqual([]);
});

test('a peer that vanishes in the middle of sending ends the session on both sides', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const rogue = await memberRogue(share, responder.address);
  const far = await responder.session();
  rogue.tls.write(framed(new Uint8Array(100), 100_000));
  const sends = Array.from({ length: 40 }, () => far.session.send(new Uint8Array(100_000)));
  const outcomes = Promise.allSettled(sends);
  rogue.stream.destroy();
  expect(await far.closed()).toMatch(/reset|lost/);
  await outcomes;
  await expect(far.session.send(Uint8Array.of(1))).rejects.toMatchObject({ code: 'UNREACHABLE' });
});

test('bytes injected into the stream end the session, and never reach it', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const rogue = await memberRogue(share, responder.address);
  const far = await responder.session();
  rogue.stream.write(Buffer.concat([Buffer.of(23, 3, 3, 0, 100), seededBytes(9, 100)])); // a TLS record in form only
  expect(await far.closed()).toMatch(/connection failed/);
  expect(far.frames).toEqual([]);
});

test('a sealed datagram that is replayed, reflected, altered or sent to another session is dropped and counted', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const relay = await Relay.open(responder.endpoint.address.port);
  const dialler = await openPeer({ share });
  const near = await dialler.dial(relay.address);
  const far = await responder.session();
  near.session.sendDatagram(Uint8Array.of(1));
  await far.until(() => far.datagrams.length === 1);
  const [sealed] = relay.ofType(3, 'to-responder');
  if (sealed === undefined) throw new Error('the relay saw the datagram');
  const before = responder.endpoint.counters;

  relay.send(sealed);
  relay.send({ direction: 'to-dialler', bytes: sealed.bytes });
  const { length } = sealed.bytes;
  for (let at = 0; at < length; at++) {
    const altered = Uint8Array.from(sealed.bytes);
    altered[at] = (altered[at] ?? 0) ^ 0x80;
    relay.send({ direction: 'to-responder', bytes: altered });
    relay.send({ direction: 'to-responder', bytes: sealed.bytes.subarray(0, at) });
  }
  near.session.sendDatagram(Uint8Array.of(2));
  far.session.sendDatagram(Uint8Array.of(3));
  await far.until(() => far.datagrams.length === 2);
  await near.until(() => near.datagrams.length === 1);
  expect(far.datagrams.map((plain) => plain[0])).toEqual([1, 2]);
  expect(near.datagrams.map((plain) => plain[0])).toEqual([3]);
  expect(responder.endpoint.counters.replayed - before.replayed).toBe(1);
  expect(responder.endpoint.counters.foreign - before.foreign).toBe(2 * length);
  expect(dialler.endpoint.counters.foreign).toBe(1);
  expect([near.closes, far.closes]).toEqual([[], []]);
});

test('a DESTROY for the stream ends the session whoever sends it, and a new dial mends it', async () => {
  const share = newShare();
  const responder = await openPeer({ share });
  const caught: Uint8Array[] = [];
  const relay = await Relay.open(responder.endpoint.address.port, ({ bytes, direction }) => {
    const isDestroy = direction === 'to-responder' && bytes[0] === 0xff && ((bytes[2] ?? 0) & 0x10) !== 0;
    if (isDestroy) outsider.send(bytes, responder.endpoint.address.port, '127.0.0.1');
    if (isDestroy) caught.push(bytes);
    return isDestroy;
  });
  const outsider = createSocket('udp4');
  const rogue = await memberRogue(share, relay.address);
  const far = await responder.session();
  rogue.stream.destroy();
  expect(await far.closed()).toMatch(/reset/);
  expect(caught.length).toBeGreaterThan(0);
  outsider.close();
  const again = await (await openPeer({ share })).dial(responder.address);
  await again.session.send(Uint8Array.of(1));
});
