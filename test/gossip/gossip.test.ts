/**
 * Shows single steps of the gossip machine: who is told what on which event, what is refused, and what is reported.
 * Driven by hand, with real records and heads; what many devices do together is in `convergence.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import { Gossip, type GossipEffect, type GossipEvent } from '../../src/gossip/index.js';
import type { SignedHead, SignedMemberRecord } from '../../src/trust/index.js';
import { castMember, headOf, recordOf, share } from './cast.js';

const [self, ann, bob, eve] = [0, 1, 2, 3].map(castMember) as [
  ReturnType<typeof castMember>,
  ReturnType<typeof castMember>,
  ReturnType<typeof castMember>,
  ReturnType<typeof castMember>,
];

type EffectOf<Type extends GossipEffect['type']> = Extract<GossipEffect, { type: Type }>;

/** The machine under test, with a clock that stands until it is moved. */
class Bench {
  readonly gossip: Gossip;
  now = 1_000_000;

  constructor(stored: { members?: SignedMemberRecord[]; heads?: SignedHead[] } = {}) {
    const { members = [self, ann, bob].map((member) => recordOf(member)), heads = [] } = stored;
    const options = { share, self: self.device, random: () => 0.5, members, heads, addresses: [] };
    this.gossip = new Gossip(options, this.now);
  }

  handle(event: GossipEvent): GossipEffect[] {
    return this.gossip.handle(event, this.now);
  }

  open(member: typeof ann, address = `10.0.0.9:1`, initiator = true): GossipEffect[] {
    return this.handle({
      type: 'session-opened',
      device: member.device,
      address,
      initiator,
      listenPort: 22001,
    });
  }

  heads(from: typeof ann, heads: SignedHead[], via: 'session' | 'datagram' = 'session'): GossipEffect[] {
    return this.handle({ type: 'heads', heads, from: from.device, via });
  }
}

function of<Type extends GossipEffect['type']>(effects: GossipEffect[], type: Type): EffectOf<Type>[] {
  return effects.filter((effect): effect is EffectOf<Type> => effect.type === type);
}

/** What was sent to `member` on its session, by message type. */
const sentTo = (effects: GossipEffect[], member: typeof ann): string[] =>
  of(effects, 'send')
    .filter(({ device }) => device === member.device)
    .map(({ message }) => message.type);

const kinds = (effects: GossipEffect[]): string[] => of(effects, 'report').map(({ kind }) => kind);

describe('heads', () => {
  test('a session starts with records, heads and the addresses of others', () => {
    const bench = new Bench({ heads: [headOf(self, { sequence: 1 }), headOf(bob, { sequence: 2 })] });
    bench.open(bob, '10.0.0.2:22001');
    const effects = bench.open(ann, '10.0.0.1:22001');
    const messages = of(effects, 'send').filter(({ device }) => device === ann.device);
    expect(messages.map(({ message }) => message)).toEqual([
      { type: 'members', records: bench.gossip.members().map(({ bytes }) => bytes) },
      { type: 'heads', heads: bench.gossip.heads().map(({ bytes }) => bytes) },
      { type: 'addresses', list: [{ device: bob.device, address: '10.0.0.2:22001' }] },
    ]);
  });

  test('a new head is stored, told to the caller, and relayed both ways to all but its sender', () => {
    const bench = new Bench();
    bench.open(ann);
    bench.open(bob);
    const head = headOf(ann, { sequence: 7 });
    const effects = bench.heads(ann, [head]);
    expect(of(effects, 'store-head')).toEqual([{ type: 'store-head', head }]);
    expect(of(effects, 'head-advanced')).toEqual([{ type: 'head-advanced', head }]);
    expect(of(effects, 'datagram')).toEqual([
      { type: 'datagram', device: bob.device, datagram: { type: 'heads', heads: [head.bytes] } },
    ]);
    expect(of(effects, 'send')).toEqual([
      { type: 'send', device: bob.device, message: { type: 'heads', heads: [head.bytes] } },
    ]);
    expect(bench.heads(ann, [head], 'datagram').filter(({ type }) => type !== 'wake')).toEqual([]);
  });

  test('of several heads of one device in one message only the newest is relayed', () => {
    const bench = new Bench();
    bench.open(ann);
    bench.open(bob);
    const heads = [1, 2, 3].map((sequence) => headOf(ann, { sequence }));
    const [sent] = of(bench.heads(ann, heads), 'send');
    expect(sent?.message).toEqual({ type: 'heads', heads: [heads[2]?.bytes] });
  });

  test('the own head goes to all, and is not announced when it is told again', () => {
    const bench = new Bench();
    bench.open(ann);
    const head = headOf(self, { sequence: 1 });
    expect(sentTo(bench.handle({ type: 'own-head', head }), ann)).toEqual(['heads']);
    expect(sentTo(bench.handle({ type: 'own-head', head }), ann)).toEqual([]);
  });

  test('an old head is not answered: its sender was sent the newer one when the session opened', () => {
    const bench = new Bench({ heads: [headOf(bob, { sequence: 5 })] });
    expect(sentTo(bench.open(ann), ann)).toContain('heads');
    const effects = bench.heads(ann, [headOf(bob, { sequence: 4 })], 'datagram');
    expect(effects.filter(({ type }) => type !== 'wake')).toEqual([]);
  });

  test('heads of strangers are rejected, and reported once if they came on a session', () => {
    const bench = new Bench();
    bench.open(ann);
    const head = headOf(eve, { sequence: 1 });
    expect(kinds(bench.heads(ann, [head], 'datagram'))).toEqual([]);
    expect(kinds(bench.heads(ann, [head]))).toEqual(['unknown-device']);
    expect(kinds(bench.heads(ann, [head]))).toEqual([]);
    expect(bench.gossip.heads()).toEqual([]);
  });

  test('heads told by a stranger are not looked at', () => {
    const bench = new Bench();
    expect(of(bench.heads(eve, [headOf(ann, { sequence: 1 })]), 'head-advanced')).toEqual([]);
  });

  test('two heads under one sequence are reported, and the proof goes to everybody', () => {
    const bench = new Bench();
    bench.open(ann);
    bench.open(bob);
    const [one, two] = ['one', 'two'].map((content) => headOf(ann, { sequence: 3, content })) as [
      SignedHead,
      SignedHead,
    ];
    bench.heads(ann, [one]);
    const effects = bench.heads(ann, [two]);
    expect(kinds(effects)).toEqual(['equivocation']);
    const toBob = of(effects, 'send').find(({ device }) => device === bob.device);
    expect(toBob?.message).toEqual({ type: 'heads', heads: [one.bytes, two.bytes] });
    expect(bench.gossip.peers().find(({ device }) => device === ann.device)?.frozen).toBe(true);
    expect(of(bench.heads(ann, [headOf(ann, { sequence: 4 })]), 'head-advanced')).toEqual([]);
  });

  test('a later head of this device itself is reported, with the head', () => {
    const bench = new Bench({ heads: [headOf(self, { sequence: 2 })] });
    bench.open(ann);
    const later = headOf(self, { sequence: 9 });
    expect(of(bench.heads(ann, [later]), 'report')).toEqual([
      expect.objectContaining({ kind: 'future-state', head: later }),
    ]);
  });

  test('every few idle seconds a few peers are shown a few heads', () => {
    const bench = new Bench({ heads: [headOf(self, { sequence: 1 })] });
    bench.open(ann);
    bench.now += 5_000;
    const shown = of(bench.handle({ type: 'tick' }), 'datagram').filter(
      ({ datagram }) => datagram.type === 'heads',
    );
    expect(shown.map(({ device }) => device)).toEqual([ann.device]);
  });
});

describe('members', () => {
  test('a stranger on a session is told nothing until its record comes, then everything', () => {
    const bench = new Bench({ heads: [headOf(self, { sequence: 1 })] });
    expect(sentTo(bench.open(eve), eve)).toEqual([]);
    const effects = bench.handle({ type: 'member-records', records: [recordOf(eve)] });
    expect(sentTo(effects, eve)).toEqual(['members', 'heads']);
  });

  test('a new record is stored and told to all but its sender; an old one changes nothing', () => {
    const bench = new Bench();
    bench.open(ann);
    bench.open(bob);
    const record = recordOf(eve);
    const effects = bench.handle({ type: 'member-records', records: [record], from: ann.device });
    expect(of(effects, 'store-member')).toEqual([{ type: 'store-member', record }]);
    expect(sentTo(effects, ann)).toEqual([]);
    expect(sentTo(effects, bob)).toEqual(['members']);
    const again = bench.handle({ type: 'member-records', records: [record], from: bob.device });
    expect(of(again, 'store-member')).toEqual([]);
  });

  test('of two records with one serial the stricter counts, in both orders', () => {
    const records = [recordOf(eve, 'rw', 2), recordOf(eve, 'ro', 2), recordOf(eve, 'revoked', 1)];
    for (const order of [records, records.toReversed()]) {
      const bench = new Bench();
      bench.handle({ type: 'member-records', records: order });
      expect(bench.gossip.role(eve.device)).toBe('ro');
    }
  });

  test('a revoked device is told so and closed, its head and addresses are dropped, and it stays out', () => {
    const bench = new Bench();
    bench.open(ann);
    bench.open(bob);
    bench.heads(ann, [headOf(ann, { sequence: 1 })]);
    const effects = bench.handle({ type: 'member-records', records: [recordOf(ann, 'revoked', 2)] });
    expect(sentTo(effects, ann)).toEqual(['members']);
    expect(sentTo(effects, bob)).toEqual(['members']);
    expect(of(effects, 'close-session').map(({ device }) => device)).toEqual([ann.device]);
    expect(bench.gossip.heads()).toEqual([]);

    bench.now += 120_000;
    expect(of(bench.handle({ type: 'tick' }), 'dial').map(({ device }) => device)).not.toContain(ann.device);
    expect(of(bench.open(ann), 'close-session')).toHaveLength(1);
    expect(of(bench.heads(bob, [headOf(ann, { sequence: 2 })]), 'head-advanced')).toEqual([]);
  });

  test('a device that learns of its own revocation says so and dials nobody', () => {
    const bench = new Bench();
    bench.handle({ type: 'address-added', address: '10.0.0.1:1' });
    const effects = bench.handle({ type: 'member-records', records: [recordOf(self, 'revoked', 2)] });
    expect(kinds(effects)).toEqual(['revoked']);
    bench.handle({ type: 'dial-failed', address: '10.0.0.1:1', reason: 'refused' });
    bench.now += 120_000;
    expect(of(bench.handle({ type: 'tick' }), 'dial')).toEqual([]);
  });

  test('a change of role shows the known head again, so that it is judged anew', () => {
    const bench = new Bench({
      members: [recordOf(self), recordOf(ann, 'ro')],
      heads: [headOf(ann, { sequence: 1 })],
    });
    const effects = bench.handle({ type: 'member-records', records: [recordOf(ann, 'rw', 2)] });
    expect(of(effects, 'head-advanced')).toHaveLength(1);
  });
});

describe('addresses and dials', () => {
  test('a configured address is dialled, and becomes that of the device that answers', () => {
    const bench = new Bench();
    const dials = of(bench.handle({ type: 'address-added', address: 'nas.local:22001' }), 'dial');
    expect(dials).toEqual([{ type: 'dial', address: 'nas.local:22001' }]);
    const stored = of(bench.open(ann, 'nas.local:22001'), 'store-address');
    expect(stored).toEqual([{ type: 'store-address', device: ann.device, address: 'nas.local:22001' }]);

    bench.handle({ type: 'session-closed', device: ann.device });
    bench.now += 10_000;
    expect(of(bench.handle({ type: 'tick' }), 'dial')).toEqual([
      { type: 'dial', address: 'nas.local:22001', device: ann.device },
    ]);
  });

  test('of a peer that dialled us we keep the host it was seen at and the port it names, and tell others', () => {
    const bench = new Bench();
    bench.open(bob, '10.0.0.2:22001');
    const effects = bench.open(ann, '10.0.0.1:54321', false);
    expect(of(effects, 'store-address').map(({ address }) => address)).toEqual(['10.0.0.1:22001']);
    const toBob = of(effects, 'send').filter(({ device }) => device === bob.device);
    expect(toBob.map(({ message }) => message)).toEqual([
      { type: 'addresses', list: [{ device: ann.device, address: '10.0.0.1:22001' }] },
    ]);
  });

  test('what a peer says of members is dialled; what it says of strangers and of us is not', () => {
    const bench = new Bench();
    bench.open(ann);
    const list = [bob, eve, self].map(({ device }, index) => ({ device, address: `10.0.0.${index + 2}:1` }));
    const effects = bench.handle({ type: 'addresses', list, from: ann.device });
    expect(of(effects, 'dial')).toEqual([{ type: 'dial', address: '10.0.0.2:1', device: bob.device }]);
  });

  test('loopback addresses stay on the machine', () => {
    const bench = new Bench();
    bench.open(bob, '127.0.0.1:5');
    expect(sentTo(bench.open(ann, '10.0.0.1:1'), ann)).not.toContain('addresses');
    expect(sentTo(bench.open(ann, '127.0.0.1:6'), ann)).toContain('addresses');
  });

  test('an address that is our own is closed and never dialled again', () => {
    const bench = new Bench();
    bench.handle({ type: 'address-added', address: '10.0.0.7:1' });
    expect(of(bench.open(self, '10.0.0.7:1'), 'close-session')).toHaveLength(1);
    bench.now += 120_000;
    expect(of(bench.handle({ type: 'tick' }), 'dial')).toEqual([]);
    bench.handle({ type: 'address-added', address: '10.0.0.7:1' });
    expect(of(bench.handle({ type: 'tick' }), 'dial')).toEqual([]);
  });

  test('a dial given up for the session that is open merges its address', () => {
    const bench = new Bench();
    bench.open(ann, '10.0.0.1:1');
    bench.handle({ type: 'address-added', address: 'nas:1' });
    bench.handle({ type: 'dial-failed', address: 'nas:1', reason: 'another session', device: ann.device });
    bench.now += 120_000;
    bench.handle({ type: 'heard', from: ann.device });
    expect(of(bench.handle({ type: 'tick' }), 'dial')).toEqual([]);
  });

  test('a device that answers and gives no session is dialled with back-off', () => {
    const bench = new Bench();
    bench.handle({ type: 'address-added', address: 'nas:1' });
    for (let round = 0; round < 3; round++) {
      const effects = bench.handle({
        type: 'dial-failed',
        address: 'nas:1',
        reason: 'closed',
        device: ann.device,
      });
      expect(of(effects, 'dial')).toEqual([]);
      bench.now += 60_000;
      expect(of(bench.handle({ type: 'tick' }), 'dial')).toHaveLength(1);
    }
  });

  test('an address that never answers is reported once', () => {
    const bench = new Bench();
    bench.handle({ type: 'address-added', address: 'nas:1' });
    const reports = Array.from({ length: 6 }, () => {
      const effects = bench.handle({ type: 'dial-failed', address: 'nas:1', reason: 'no answer' });
      bench.now += 120_000;
      bench.handle({ type: 'tick' });
      return kinds(effects);
    });
    expect(reports.flat()).toEqual(['unreachable']);
  });

  test('a wrong address in the settings is an error of the caller', () => {
    const bench = new Bench();
    expect(() => bench.handle({ type: 'address-added', address: 'nas' })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});

describe('liveness', () => {
  const probes = (effects: GossipEffect[]): number[] =>
    of(effects, 'datagram').flatMap(({ datagram }) => (datagram.type === 'probe' ? [datagram.nonce] : []));

  /** Ticks whenever it is asked to, until a session is closed. @returns ms since the start */
  function silenceUntilClosed(bench: Bench, onProbe: (nonce: number) => void = () => undefined): number {
    const start = bench.now;
    for (let step = 0; step < 100; step++) {
      const effects = bench.handle({ type: 'tick' });
      if (of(effects, 'close-session').length > 0) return bench.now - start;
      for (const nonce of probes(effects)) onProbe(nonce);
      const wake = of(effects, 'wake').at(-1);
      expect(wake?.at).toBeGreaterThan(bench.now);
      bench.now = wake?.at ?? bench.now;
    }
    return Number.POSITIVE_INFINITY;
  }

  test('a silent session is probed, closed after 20 s, and dialled again', () => {
    const bench = new Bench();
    bench.open(ann);
    expect(silenceUntilClosed(bench)).toBe(20_000);
    bench.now += 60_000;
    expect(of(bench.handle({ type: 'tick' }), 'dial')).toHaveLength(1);
  });

  test('answers keep a session; an answer to another probe does not', () => {
    const bench = new Bench();
    bench.open(ann);
    const { device } = ann;
    const kept = silenceUntilClosed(bench, (nonce) => bench.handle({ type: 'answer', from: device, nonce }));
    expect(kept).toBe(Number.POSITIVE_INFINITY);
    expect(
      silenceUntilClosed(bench, (nonce) => bench.handle({ type: 'answer', from: device, nonce: nonce ^ 1 })),
    ).toBeLessThan(30_000);
  });

  test('a probe is answered, with its nonce, on sessions alone', () => {
    const bench = new Bench();
    bench.open(ann);
    expect(of(bench.handle({ type: 'probe', from: ann.device, nonce: 7 }), 'datagram')).toEqual([
      { type: 'datagram', device: ann.device, datagram: { type: 'answer', nonce: 7 } },
    ]);
    expect(of(bench.handle({ type: 'probe', from: bob.device, nonce: 7 }), 'datagram')).toEqual([]);
  });
});
