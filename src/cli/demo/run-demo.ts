/** The demo: three peers on this machine, in a temporary directory that is gone at the end, whatever happens. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEvent } from '../event-lines.js';
import { countOf, formatBytes } from '../format.js';
import { Crew } from './crew.js';
import type { DemoPeer } from './demo-peer.js';
import { assertRoom, copyFolder, folderBytes } from './folder-copy.js';
import { largeFileBytes, sampleSeed, writeIncompressible, writeSampleTree } from './sample.js';
import { askShoal } from './shoal-process.js';
import {
  firstSync,
  killAndResume,
  largeFileName,
  partialEdit,
  type ResumeResult,
  renaming,
  type StepContext,
  type StepResult,
  verifyAll,
} from './steps.js';

export interface DemoOptions {
  /** The folder to work on a copy of; sample files if not given. */
  readonly source: string | undefined;
  /** `bin/shoal.js` */
  readonly program: string;
  readonly say: (line: string) => void;
  /** A line that the next one replaces. */
  readonly progress: (line: string) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface DemoResult {
  readonly ok: boolean;
  readonly steps: readonly StepResult[];
  readonly resume: ResumeResult;
  readonly seconds: number;
}

/** The sample tree without the large files, about. */
const sampleTreeBytes = 12_000_000;

/** @throws ShoalError UNREACHABLE if the peers did not become equal; what a peer's process said if that failed */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const startedAt = options.now();
  const directory = await mkdtemp(join(tmpdir(), 'shoal-demo-'));
  const { program, now, signal } = options;
  const crew = await Crew.gather({ directory, program, now, signal, onEvent: tellOf(options) });
  try {
    const content = await fillFirst(crew.first, directory, options);
    const { steps, resume } = await runSteps({ crew, program, say: options.say, now, signal }, content);
    const ok = steps.every(({ rootsEqual, verified }) => rootsEqual && (verified ?? 3) === 3);
    return { ok, steps, resume, seconds: (now() - startedAt) / 1000 };
  } finally {
    await crew.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function runSteps(
  context: StepContext,
  content: { files: number; bytes: number },
): Promise<{ steps: StepResult[]; resume: ResumeResult }> {
  const { say } = context;
  say('1  Peers 2 and 3 join, and fetch everything from peer 1.');
  const synced = await firstSync(context, content);
  say('2  One kilobyte is added to the large file on peer 1.');
  const edited = await partialEdit(context, synced.held);
  say('3  The large file is renamed on peer 1.');
  const renamed = await renaming(context, edited.held);
  say(`4  A new file of ${formatBytes(largeFileBytes)} on peer 1; peer 3 is killed while it receives it.`);
  const resumed = await killAndResume(context, renamed.held);
  say('5  Every peer reads all its files and its store again.');
  const verified = await verifyAll(context, resumed.held);
  return {
    steps: [synced.result, edited.result, renamed.result, resumed.result, verified],
    resume: resumed.resume,
  };
}

/** Makes the first peer's folder and its share. @returns what it holds */
async function fillFirst(
  peer: DemoPeer,
  directory: string,
  { source, program, say, signal }: DemoOptions,
): Promise<{ files: number; bytes: number }> {
  const sourceBytes = source === undefined ? sampleTreeBytes : await folderBytes(source);
  await assertRoom(directory, sourceBytes + 2 * largeFileBytes);
  await mkdir(peer.directory);
  if (source === undefined) {
    say(`Three peers in ${directory}, sample files of seed ${sampleSeed}.`);
    await writeSampleTree(peer.directory, sampleSeed);
  } else {
    say(`Three peers in ${directory}, with a copy of the folder: the original is only read.`);
    await copyFolder(source, peer.directory);
  }
  await writeIncompressible(join(peer.directory, largeFileName), largeFileBytes, sampleSeed);
  signal.throwIfAborted();
  const { document } = await askShoal(program, ['init', peer.directory, '--name', peer.name], { signal });
  const content = { files: Number(document.files), bytes: Number(document.bytes) };
  say(`   peer 1 is a share: ${countOf(content.files, 'file')}, ${formatBytes(content.bytes)}`);
  return content;
}

/** Of the events of the peers: what is to come, and what went wrong. */
function tellOf({ progress, say }: DemoOptions): ConstructorParameters<typeof DemoPeer>[0]['onEvent'] {
  return (peer, event) => {
    if (event.event === 'pending' && event.files > 0)
      progress(`   ${peer.name}: ${countOf(event.files, 'file')}, ${formatBytes(event.bytes)} to come`);
    // Connections break when peer 3 is killed: that is what the step shows.
    if (event.event === 'error' && event.code === 'UNREACHABLE') return;
    if (event.event === 'error' || event.event === 'blocked' || event.event === 'damage')
      say(`   ${peer.name}: ${describeEvent(event)}`);
  };
}
