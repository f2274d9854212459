/** What the demo does, step by step. Each step ends when the three roots are equal again. */
import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '../format.js';
import type { Crew } from './crew.js';
import { incompressibleStream, largeFileBytes, sampleSeed, writeIncompressible } from './sample.js';
import { askShoal } from './shoal-process.js';

export interface StepResult {
  readonly step: string;
  /** What changed on the first peer. */
  readonly files: number;
  readonly bytes: number;
  /** What all three peers handed to the network, encryption and gossip included. */
  readonly bytesOnWire: number;
  readonly seconds: number;
  readonly rootsEqual: boolean;
  /** Peers whose files and store were read again and found good; null: not looked at in this step. */
  readonly verified: number | null;
}

export interface ResumeResult {
  readonly bytes: number;
  /** Chunk bytes that peer 3 had received when it was killed, as far as it was asked, and fetched after its restart. */
  readonly payloadBeforeKill: number;
  readonly payloadAfterRestart: number;
}

export interface StepContext {
  readonly crew: Crew;
  readonly program: string;
  readonly say: (line: string) => void;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** What all hold at the end of a step. */
export interface Held {
  readonly files: number;
  readonly bytes: number;
  readonly root: string;
}

export const largeFileName = 'demo-large';
const renamedFileName = 'demo-large-renamed';
const newFileName = 'demo-new';
const appendedBytes = 1000;
/** Peer 3 is killed when it has received so much of the new file: a good part of it, and far from all. */
const killAtBytes = 16_000_000;
const killPollMs = 20;

/** Step 1: invites peers 2 and 3, which join and fetch everything. */
export async function firstSync(
  context: StepContext,
  content: { files: number; bytes: number },
): Promise<{ result: StepResult; held: Held }> {
  const { crew, program, signal } = context;
  await crew.first.start(signal);
  for (const peer of [crew.second, crew.third]) {
    const address = `127.0.0.1:${crew.first.port}`;
    const invited = await askShoal(program, ['invite', crew.first.directory, '--address', address], {
      signal,
    });
    const { ticket } = invited.document;
    await askShoal(program, ['join', String(ticket), peer.directory, '--name', peer.name], { signal });
    context.say(`   ${peer.name} joined with a ticket`);
  }
  return measure(context, '1 first sync', content, { ...content, root: undefined }, async () => {
    await Promise.all([crew.second.start(signal), crew.third.start(signal)]);
  });
}

/** Step 2: one kilobyte more at the end of the large file. */
export function partialEdit(context: StepContext, held: Held) {
  const path = join(context.crew.first.directory, largeFileName);
  const added = incompressibleStream(sampleSeed + 1)(appendedBytes);
  const after = { ...held, bytes: held.bytes + appendedBytes };
  return measure(context, '2 partial edit', { files: 1, bytes: appendedBytes }, after, () =>
    appendFile(path, added),
  );
}

/** Step 3: the large file gets another name. */
export function renaming(context: StepContext, held: Held) {
  const { directory } = context.crew.first;
  return measure(context, '3 rename', { files: 1, bytes: 0 }, held, () =>
    rename(join(directory, largeFileName), join(directory, renamedFileName)),
  );
}

/** Step 4: peer 3 is killed with `kill -9` while it receives a new file, and started again. */
export async function killAndResume(context: StepContext, held: Held) {
  const { crew, signal } = context;
  const payload = { before: 0, after: 0 };
  const after = { ...held, files: held.files + 1, bytes: held.bytes + largeFileBytes };
  const atStart = (await crew.third.status()).transfer.payloadIn;
  const measured = await measure(
    context,
    '4 kill -9, resume',
    { files: 1, bytes: largeFileBytes },
    after,
    async () => {
      await writeIncompressible(join(crew.first.directory, newFileName), largeFileBytes, sampleSeed + 2);
      await crew.until(
        'pending',
        killPollMs,
        async () => {
          const { transfer, files } = await crew.third.status();
          payload.before = transfer.payloadIn - atStart;
          return payload.before >= killAtBytes || files === after.files;
        },
        () => `peer 3 has received ${formatBytes(payload.before)} of the new file`,
      );
      await crew.third.kill();
      context.say(`   killed peer 3 after ${formatBytes(payload.before)} of ${formatBytes(largeFileBytes)}`);
      await crew.third.start(signal);
      context.say('   peer 3 runs again');
    },
  );
  payload.after = (await crew.third.status()).transfer.payloadIn;
  const resume: ResumeResult = {
    bytes: largeFileBytes,
    payloadBeforeKill: payload.before,
    payloadAfterRestart: payload.after,
  };
  return { ...measured, resume };
}

/** Step 5: every peer reads all its files and its store again. */
export async function verifyAll(context: StepContext, held: Held): Promise<StepResult> {
  const { crew, program, now, signal } = context;
  const startedAt = now();
  const verdicts = await Promise.all(
    crew.all.map(async (peer) => {
      const answer = await askShoal(program, ['verify', peer.directory], { accepted: [0, 6], signal });
      const isGood = answer.exitCode === 0;
      context.say(`   ${peer.name}: ${isGood ? 'all files and chunks are good' : 'DAMAGE FOUND'}`);
      return isGood;
    }),
  );
  const roots = new Set((await Promise.all(crew.all.map((peer) => peer.status()))).map(({ root }) => root));
  return {
    step: '5 verify',
    files: held.files,
    bytes: held.bytes,
    bytesOnWire: 0,
    seconds: (now() - startedAt) / 1000,
    rootsEqual: roots.size === 1,
    verified: verdicts.filter((isGood) => isGood).length,
  };
}

/** Does `act`, waits until all hold `after`, and counts what that took. */
async function measure(
  { crew, say, now }: StepContext,
  step: string,
  changed: { files: number; bytes: number },
  after: { files: number; bytes: number; root: string | undefined },
  act: () => Promise<void>,
): Promise<{ result: StepResult; held: Held }> {
  const sentBefore = crew.bytesOut;
  const startedAt = now();
  await act();
  const root = await crew.converge({ files: after.files, bytes: after.bytes, notRoot: after.root });
  const result: StepResult = {
    step,
    ...changed,
    bytesOnWire: crew.bytesOut - sentBefore,
    seconds: (now() - startedAt) / 1000,
    rootsEqual: true,
    verified: null,
  };
  say(`   equal again: ${formatBytes(result.bytesOnWire)} on the wire`);
  return { result, held: { files: after.files, bytes: after.bytes, root } };
}
