/**
 * Shows that whoever has no right gets nothing, is told why where that is safe, and disturbs nobody: wrong, used and
 * expired tickets, unknown devices, a read-only member's writes, malformed messages, noise at the port. After each
 * attack two good peers still have the same session and still sync.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { chunkIdOf } from '../../src/chunking/index.js';
import { encodeMessage } from '../../src/transfer/index.js';
import {
  decodeTicket,
  deviceIdFromBytes,
  encodeTicket,
  generateKeyPair,
  parseActorId,
  type ShareId,
  shareIdFromBytes,
  signHead,
} from '../../src/trust/index.js';
import { Group, untilEqual } from '../support/group.js';
import { poll } from '../support/patience.js';
import type { Peer } from '../support/peer.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { type CommandResult, runShoal } from '../support/shoal-command.js';
import { deviceKeyOf, Stranger } from '../support/stranger.js';

const seed = 20_260_103;
const refusedExit = 13;

let group: Group;
let first: Peer;
let second: Peer;
let share: ShareId;
let puts = 0;

beforeAll(async () => {
  group = await Group.open(['rw']);
  first = group.first;
  second = group.peer(1);
  share = decodeTicket(await group.invite('rw')).share;
  await untilEqual([first, second]);
});
afterAll(() => group.close());

afterEach(async () => {
  await writeFile(first.path(`undisturbed-${++puts}.txt`), `number ${puts}\n`);
  await untilEqual([first, second]);
  for (const peer of [first, second]) {
    const disturbances = peer.process.seen.filter(
      ({ event }) =>
        event.event === 'error' ||
        event.event === 'damage' ||
        (event.event === 'peer' &&
          event.state === 'disconnected' &&
          ['peer-1', 'peer-2'].includes(event.name)),
    );
    expect(disturbances).toEqual([]);
  }
});

describe('a ticket', () => {
  const joinWith = (ticket: string, name: string): Promise<CommandResult> =>
    runShoal('join', ticket, `${group.directory}/${name}`, '--name', name);

  const expectRefusal = async (result: CommandResult, name: string, why: RegExp): Promise<void> => {
    expect(result.stderr).toMatch(why);
    expect(result.code).toBe(refusedExit);
    await first.process.waitFor('report', ({ text }) => text.includes(`${name} (`) && why.test(text));
  };

  test('that is damaged is refused before anything is asked', async () => {
    const ticket = await group.invite('rw');
    const result = await joinWith(`${ticket.slice(0, -3)}AAA`, 'mistyped');
    expect(result.stderr).toMatch(/not a valid ticket/);
    expect(result.code).toBe(refusedExit);
  });

  test('with a token nobody gave out is refused', async () => {
    const ticket = decodeTicket(await group.invite('rw'));
    const token = ticket.token.map((byte) => byte ^ 1);
    await expectRefusal(
      await joinWith(encodeTicket({ ...ticket, token }), 'guesser'),
      'guesser',
      /not known/,
    );
  });

  test('admits one device and is refused to the next', async () => {
    const ticket = await group.invite('rw');
    expect((await joinWith(ticket, 'owner')).code).toBe(0);
    await expectRefusal(await joinWith(ticket, 'thief'), 'thief', /was used/);
  });

  test('that has expired is refused, even if its text claims another date', async () => {
    const ticket = decodeTicket(await group.invite('rw', '--expires', '1s'));
    await poll(async () => (Date.now() > ticket.expires ? true : undefined), { until: 'the ticket expired' });
    const forged = encodeTicket({ ...ticket, expires: ticket.expires + 3_600_000 });
    await expectRefusal(await joinWith(forged, 'latecomer'), 'latecomer', /expired/);
  });

  test('that was refused leaves the folder free for another one', async () => {
    const ticket = decodeTicket(await group.invite('rw'));
    const wrong = encodeTicket({ ...ticket, token: ticket.token.map((byte) => byte ^ 1) });
    expect((await joinWith(wrong, 'patient')).code).toBe(refusedExit);
    const again = await joinWith(encodeTicket(ticket), 'patient');
    expect(again.stderr).not.toMatch(/is a share already/);
    expect(again.code).toBe(0);
  });
});

describe('an unknown device', () => {
  test('that claims to be a member is told to bring a ticket, and gets no head, member or chunk', async () => {
    const stranger = await Stranger.dial(first, share);
    try {
      await stranger.say({ type: 'hello', protocol: 1, name: 'stranger', port: 9 });
      const refusal = await stranger.hear('refuse');
      expect(refusal.reason).toBe('not-a-member');
      await stranger.untilClosed();
      expect(stranger.messages).toHaveLength(1);
    } finally {
      await stranger.close();
    }
    await first.process.waitFor('report', ({ text }) => /no member and brought no ticket/.test(text));
  });

  test('is turned away by a peer that cannot admit anybody', async () => {
    await expect(Stranger.dial(second, share)).rejects.toMatchObject({ code: 'REFUSED' });
    await second.process.waitFor('report', ({ text }) => /not a member of this share/.test(text));
  });

  test('of another share gets no answer at all', async () => {
    const other = shareIdFromBytes(generateKeyPair().publicKey);
    await expect(Stranger.dial(first, other)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe('a read-only device', () => {
  test('keeps its own edits to itself, says so, and still receives', async () => {
    const reader = await group.join('ro');
    await reader.start();
    await untilEqual([first, second, reader]);
    await writeFile(reader.path('written-by-reader.txt'), 'mine\n');
    await appendFile(reader.path('undisturbed-1.txt'), 'changed by the reader\n');
    await reader.process.waitFor('blocked', ({ path }) => path === 'written-by-reader.txt');
    await reader.process.waitFor('blocked', ({ path }) => path === 'undisturbed-1.txt');
    const { blocked } = await reader.printedStatus();
    expect(blocked.map(({ path }) => path).sort()).toEqual(['undisturbed-1.txt', 'written-by-reader.txt']);

    const from = reader.process.seen.length;
    await writeFile(second.path('for-the-reader.txt'), 'yours\n');
    await reader.process.waitFor('applied', ({ paths }) => paths.includes('for-the-reader.txt'), from);
    await untilEqual([first, second]);
    expect(await first.list({ content: false })).not.toContain('written-by-reader.txt');
    expect((await first.list({ content: false })).has('written-by-reader.txt')).toBe(false);
    await reader.stop('SIGTERM');
  });

  test('that signs a root of its own is not followed, nor asked for what is under it', async () => {
    const reader = await group.join('ro');
    const device = await deviceKeyOf(reader);
    const cheat = await Stranger.dial(first, share, device);
    try {
      const head = signHead(device.privateKey, {
        share,
        device: deviceIdFromBytes(device.publicKey),
        actor: parseActorId('0123456789abcdef'),
        sequence: 1,
        root: chunkIdOf(new TextEncoder().encode('a root that only the cheat has')),
        time: Date.now(),
      });
      await cheat.say({ type: 'hello', protocol: 1, name: 'cheat', port: 9 });
      await cheat.say({ type: 'heads', heads: [head.bytes] });
      await cheat.say({ type: 'ping', nonce: 1 });
      await cheat.hear('pong');
      // A pull would begin before anything later is answered.
      await writeFile(first.path('later.txt'), 'later\n');
      await untilEqual([first, second]);
      expect(cheat.messages.filter(({ type }) => type === 'want')).toEqual([]);
    } finally {
      await cheat.close();
    }
    await rm(first.path('later.txt'));
  });
});

describe('a member that has lost its mind', () => {
  const garbage = new SeededChoice(seed);
  const randomFrame = (): Uint8Array =>
    Uint8Array.from({ length: 1 + garbage.below(200) }, () => garbage.below(256));
  const truncated = encodeMessage({ type: 'want', ids: [chunkIdOf(new Uint8Array(1))] }).subarray(0, 20);

  test.each([
    ['random bytes', randomFrame],
    ['a truncated message', () => truncated],
  ])(`is reported and shown out for %s (seed ${seed})`, async (_what, frame) => {
    const joined = await group.join('rw');
    const mad = await Stranger.dial(first, share, await deviceKeyOf(joined));
    try {
      await mad.say({ type: 'hello', protocol: 1, name: joined.name, port: 9 });
      // It may be shown out before the last one is sent.
      for (let count = 0; count < 8; count++) await mad.session.send(frame()).catch(() => undefined);
      await mad.untilClosed();
    } finally {
      await mad.close();
    }
    await first.process.waitFor('report', ({ text }) => text.includes(joined.name) && /not valid/.test(text));
  });
});

describe('noise at the port', () => {
  const datagrams = 3000;
  const datagramBytesMax = 1400;
  let socket: Socket;

  beforeAll(async () => {
    socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  });
  afterAll(() => {
    socket.close();
  });

  test(`is met with silence while a file syncs (seed ${seed})`, async () => {
    const noise = new SeededChoice(seed);
    let replies = 0;
    socket.on('message', () => {
      replies++;
    });
    const { payloadIn } = (await second.status()).transfer;
    await writeFile(first.path('amid-noise.bin'), Buffer.alloc(3_000_000, 'amid the noise '));
    for (let count = 0; count < datagrams; count++) {
      const bytes = Uint8Array.from({ length: noise.below(datagramBytesMax) }, () => noise.below(256));
      // Half of them begin like something that Shoal or UDX knows.
      if (bytes.length > 1 && noise.below(2) === 0) bytes[0] = noise.of([0, 1, 2, 3, 4, 0xff]);
      await new Promise((resolve) =>
        socket.send(bytes, noise.of([first, second]).port, '127.0.0.1', resolve),
      );
    }
    await untilEqual([first, second]);
    expect((await second.status()).transfer.payloadIn).toBeGreaterThan(payloadIn);
    expect(replies).toBe(0);
  });
});
