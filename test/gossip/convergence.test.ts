/**
 * Shows that whatever the network does, devices find each other and agree on all heads once it lets them, and that a
 * run is reproducible: the simulator drives 2 to 7 devices under fixed seeds through losses, partitions, crashes,
 * restored backups and lost state, then heals and compares.
 */
import { describe, expect, test } from 'vitest';
import { type Random, seededRandom } from './seeded-random.js';
import { Simulator } from './simulator.js';

const minuteMs = 60_000;
/** Longest back-off, a dial that fails, and the probes of a dead session: after this all has been tried. */
const healedMs = 5 * minuteMs;

type Knowledge = 'first' | 'ring' | 'all of first';

function simulatorOf(seed: number, knowledge: Knowledge = seed % 2 === 0 ? 'first' : 'ring'): Simulator {
  const deviceCount = 2 + (seed % 6);
  return new Simulator({
    seed,
    deviceCount,
    lossChance: 0.2,
    duplicateChance: 0.1,
    knows: (index) => {
      if (knowledge === 'ring') return (index + 1) % deviceCount;
      return index === 0 ? undefined : 0;
    },
    // As after joining: the first device has written the records, each other one has its own and the first's.
    ...(knowledge === 'all of first'
      ? { records: (index: number) => (index === 0 ? [...Array(deviceCount).keys()] : [0, index]) }
      : {}),
  });
}

function expectAgreement(simulator: Simulator): void {
  const vectors = simulator.headVectors();
  expect(new Set(vectors).size).toBe(1);
  expect(vectors[0]?.split('\n')).toHaveLength(simulator.devices.length);
  expect(simulator.allConnected).toBe(true);
}

/** One random thing that happens to the share. */
function disturb(simulator: Simulator, random: Random): void {
  const device = simulator.devices[Math.floor(random() * simulator.devices.length)];
  if (device === undefined) return;
  const dice = random();
  if (device.gossip === undefined) {
    if (dice < 0.2) device.restoreBackup();
    else if (dice < 0.3) device.loseState();
    device.start();
  } else if (dice < 0.5) device.change();
  else if (dice < 0.6) device.crash();
  else if (dice < 0.7) device.backUp();
  else if (dice < 0.85) simulator.partition(() => Math.floor(random() * 3));
  else simulator.heal();
}

function storm(seed: number): Simulator {
  const simulator = simulatorOf(seed);
  const random = seededRandom(seed + 1_000_000);
  simulator.start();
  for (let step = 0; step < 60; step++) {
    simulator.time.run(random() * 20_000);
    disturb(simulator, random);
  }
  simulator.heal();
  for (const device of simulator.devices) {
    if (device.gossip === undefined) device.start();
    device.change();
  }
  simulator.time.run(healedMs);
  return simulator;
}

describe('gossip under a simulated network', () => {
  test.each([2, 3, 4, 5])('seed %i: devices that know one address each find all others', (seed) => {
    const simulator = simulatorOf(seed);
    simulator.start();
    for (const device of simulator.devices) device.change();
    simulator.time.run(minuteMs);
    expectAgreement(simulator);
  });

  test('members and addresses spread from the device that wrote the records', () => {
    const simulator = simulatorOf(5, 'all of first');
    simulator.start();
    for (const device of simulator.devices) device.change();
    simulator.time.run(3 * minuteMs);
    expectAgreement(simulator);
    for (const { gossip } of simulator.devices) expect(gossip?.members()).toHaveLength(7);
  });

  test('a new head is everywhere within a second, although a fifth of the datagrams is lost', () => {
    const simulator = simulatorOf(5);
    simulator.start();
    for (const device of simulator.devices) device.change();
    simulator.time.run(minuteMs);
    for (let round = 0; round < 20; round++) {
      simulator.devices[round % 7]?.change();
      simulator.time.run(1_000);
      expect(new Set(simulator.headVectors()).size).toBe(1);
    }
  });

  test.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'seed %i: after a storm all agree',
    (seed) => {
      expectAgreement(storm(seed));
    },
  );

  test('a seed gives one run, another seed another', () => {
    const hash = storm(3).traceHash;
    expect(storm(3).traceHash).toBe(hash);
    expect(storm(9).traceHash).not.toBe(hash);
  });

  test('a restored backup is noticed, and the device goes on under a new actor', () => {
    const simulator = simulatorOf(4);
    const [first] = simulator.devices;
    simulator.start();
    simulator.time.run(minuteMs);
    for (const device of simulator.devices) device.change();
    first?.backUp();
    for (let count = 0; count < 5; count++) first?.change();
    simulator.time.run(minuteMs);
    first?.crash();
    first?.restoreBackup();
    first?.start();
    simulator.time.run(2 * minuteMs);
    expectAgreement(simulator);
    expect(first?.reports.filter(({ kind }) => kind === 'future-state')).toHaveLength(1);
    expect(first?.actor).toBeGreaterThan(1);
  });

  test('a partition that lasts is noticed by both sides, and its end too', () => {
    const simulator = simulatorOf(4);
    simulator.start();
    for (const device of simulator.devices) device.change();
    simulator.time.run(minuteMs);
    simulator.partition((index) => index % 2);
    simulator.devices[0]?.change();
    simulator.time.run(minuteMs);
    for (const [index, device] of simulator.devices.entries()) {
      const connected = device.gossip?.peers().filter(({ state }) => state === 'connected') ?? [];
      const sameSide = simulator.devices.filter((other, at) => other !== device && at % 2 === index % 2);
      expect(connected.map((peer) => peer.device).sort()).toEqual(
        sameSide.map((other) => other.device).sort(),
      );
    }
    simulator.heal();
    simulator.time.run(healedMs);
    expectAgreement(simulator);
  });

  test('a device that moved to another address is found again', () => {
    const simulator = simulatorOf(4);
    simulator.start();
    for (const device of simulator.devices) device.change();
    simulator.time.run(minuteMs);
    const moved = simulator.devices[2];
    moved?.crash();
    if (moved !== undefined) moved.address = '10.0.9.9:22001';
    moved?.start();
    simulator.time.run(healedMs);
    expectAgreement(simulator);
  });
});
