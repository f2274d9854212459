/** The end of the demo for people: the table, and what it shows. */
import { formatBytes, formatSeconds } from '../format.js';
import { renderTable } from '../table.js';
import type { DemoResult } from './run-demo.js';

/** @returns lines */
export function describeDemo({ steps, resume, ok, seconds }: DemoResult): string[] {
  const table = renderTable(
    [
      { title: 'step' },
      { title: 'files', align: 'right' },
      { title: 'bytes', align: 'right' },
      { title: 'bytes on the wire', align: 'right' },
      { title: 'seconds', align: 'right' },
      { title: 'roots equal' },
      { title: 'verify' },
    ],
    steps.map(({ step, files, bytes, bytesOnWire, seconds: taken, rootsEqual, verified }) => [
      step,
      String(files),
      formatBytes(bytes),
      formatBytes(bytesOnWire),
      taken.toFixed(1),
      rootsEqual ? 'yes' : 'NO',
      verified === null ? '-' : `${verified} of 3 good`,
    ]),
  );
  return [
    ...table,
    '',
    'Bytes on the wire are those of all three peers together, encryption and gossip included; peers 2 and 3 both fetch.',
    `Of the new file (${formatBytes(resume.bytes)}) peer 3 had received ${formatBytes(resume.payloadBeforeKill)} when it was killed, and fetched ${formatBytes(resume.payloadAfterRestart)} after its restart.`,
    ok ? `All equal and verified, in ${formatSeconds(seconds)}.` : 'Not all peers are equal and verified.',
  ];
}
