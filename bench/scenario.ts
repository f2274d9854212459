/**
 * The main job at full size: one large file of incompressible bytes to a fresh replica over UDP on loopback, then
 * 1 KB appended to it, then the same transfer killed half-way and resumed, then the scenario of the test
 * `three-peers` with a file of that size.
 *
 * The time counts from the moment the file is moved into the sender's folder until the receiver has it in place and
 * both roots are equal, scans and all. Each run begins with a new share.
 */
import { availableParallelism, cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { Group } from '../test/support/group.js';
import { megabyte, runScenario } from '../test/support/three-peers.js';
import {
  type ColdTransfer,
  measureAppend,
  measureColdTransfer,
  measureResume,
} from './measure/large-file.js';
import { printTable } from './measure/table.js';

const targets = { coldSeconds: 15, appendWireBytes: 200_000 };
const patienceMs = 600_000;
const seed = 20_260_104;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      megabytes: { type: 'string', default: '650' },
      runs: { type: 'string', default: '3' },
      'skip-three-peers': { type: 'boolean', default: false },
    },
  });
  const largeBytes = Number(values.megabytes) * megabyte;
  const cpu = cpus()[0]?.model ?? 'unknown processor';
  console.log(
    `${availableParallelism()} cores (${cpu}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, seed ${seed}, ${values.megabytes} MB\n`,
  );
  await benchLargeFile(largeBytes, Number(values.runs));
  await benchResume(largeBytes);
  if (!values['skip-three-peers']) await benchThreePeers(largeBytes);
}

async function benchLargeFile(largeBytes: number, runs: number): Promise<void> {
  const colds: ColdTransfer[] = [];
  const appends: number[] = [];
  for (let count = 0; count < runs; count++) {
    const group = await Group.open(['rw']);
    try {
      const pair = { sender: group.first, receiver: group.peer(1), directory: group.directory, patienceMs };
      colds.push(await measureColdTransfer(pair, { seed: seed + count, largeBytes }));
      appends.push((await measureAppend(pair)).wireBytes);
    } finally {
      await group.close();
    }
  }
  printTable(
    [
      'run',
      'seconds',
      'MB/s',
      'scan',
      'transfer',
      'in place',
      'agreed',
      'wire MB',
      'peak MB',
      'append: wire bytes',
    ],
    colds.map((cold, index) => [
      String(index + 1),
      cold.seconds.toFixed(2),
      (largeBytes / megabyte / cold.seconds).toFixed(0),
      cold.scanSeconds.toFixed(2),
      cold.transferSeconds.toFixed(2),
      cold.placeSeconds.toFixed(2),
      cold.agreeSeconds.toFixed(2),
      (cold.wireBytes / megabyte).toFixed(1),
      cold.peakMemoryBytes.map((bytes) => (bytes / megabyte).toFixed(0)).join(' + '),
      String(appends[index]),
    ]),
  );
  verdict('cold, median', medianOf(colds.map(({ seconds }) => seconds)), targets.coldSeconds, 's');
  verdict('append of 1 KB, worst', Math.max(...appends), targets.appendWireBytes, 'bytes on the wire');
}

async function benchResume(largeBytes: number): Promise<void> {
  const group = await Group.open(['rw']);
  try {
    const pair = { sender: group.first, receiver: group.peer(1), directory: group.directory, patienceMs };
    const resumed = await measureResume(pair, { seed, largeBytes });
    printTable(
      ['killed with', 'fetched after', 'of which stored before', 'seconds'],
      [
        [
          `${(resumed.storedBytes / megabyte).toFixed(1)} MB stored`,
          `${(resumed.fetchedBytes / megabyte).toFixed(1)} MB`,
          `${resumed.fetchedTwiceBytes} bytes`,
          resumed.seconds.toFixed(2),
        ],
      ],
    );
    verdict('fetched twice', resumed.fetchedTwiceBytes, 0, 'bytes');
  } finally {
    await group.close();
  }
}

async function benchThreePeers(largeBytes: number): Promise<void> {
  const rows: string[][] = [];
  await runScenario({
    seed,
    largeBytes,
    patienceMs,
    onStep: ({ name, seconds, payloadBytes }) =>
      rows.push([name, seconds.toFixed(2), (payloadBytes / megabyte).toFixed(2)]),
  });
  printTable(['three peers', 'seconds', 'payload MB, all peers'], rows);
}

function verdict(what: string, measured: number, target: number, unit: string): void {
  const isMet = measured <= target;
  const shown = Number.isInteger(measured) ? String(measured) : measured.toFixed(2);
  console.log(`${what}: ${shown} ${unit}, target ${target}: ${isMet ? 'met' : 'MISSED'}\n`);
  if (!isMet) process.exitCode = 1;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
