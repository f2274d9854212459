/** Measurements of one large file between two peers: cold, after a small append, and resumed after a kill. */
import { appendFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { untilEqual } from '../../test/support/group.js';
import { poll } from '../../test/support/patience.js';
import type { Peer } from '../../test/support/peer.js';
import { writeSeededFile } from '../../test/support/seeded-file.js';

export interface Pair {
  readonly sender: Peer;
  /** A fresh replica, running and connected. */
  readonly receiver: Peer;
  /** For the file while it is made: in the same file system as the folders. */
  readonly directory: string;
  readonly patienceMs: number;
}

export interface LargeFile {
  readonly seed: number;
  readonly largeBytes: number;
}

export interface ColdTransfer {
  /** From the move into the sender's folder until the roots are equal: the sum of the four that follow. */
  readonly seconds: number;
  /** Until the sender had scanned the file. */
  readonly scanSeconds: number;
  /** From there until every chunk was stored at the receiver. */
  readonly transferSeconds: number;
  /** From there until the file stood in the receiver's folder. */
  readonly placeSeconds: number;
  /** From there until each knew the other one's equal root. */
  readonly agreeSeconds: number;
  /** All UDP payload that the receiver took and sent. */
  readonly wireBytes: number;
  /** Of the sender and the receiver, so far as the system tells. */
  readonly peakMemoryBytes: readonly number[];
}

const name = 'large.bin';
const appendedBytes = 1024;
/** The receiver is killed when it has received this part of the file. */
const killedAt = 0.5;

export async function measureColdTransfer(pair: Pair, file: LargeFile): Promise<ColdTransfer> {
  const { sender, receiver } = pair;
  const outside = await make(pair, file);
  const wireBefore = await wireBytesOf(receiver);
  const senderFrom = sender.process.seen.length;
  const receiverFrom = receiver.process.seen.length;
  const startedAt = performance.now();
  await rename(outside, sender.path(name));
  const scanned = await sender.process.waitFor(
    'scan',
    ({ changed }) => changed > 0,
    senderFrom,
    pair.patienceMs,
  );
  const applied = await receiver.process.waitFor(
    'applied',
    ({ paths }) => paths.includes(name),
    receiverFrom,
    pair.patienceMs,
  );
  const fetchedAt = lastFetchedAt(receiver, applied.at);
  const ends = await Promise.all([
    sender.process.waitFor('insync', undefined, senderFrom, pair.patienceMs),
    receiver.process.waitFor('insync', undefined, receiverFrom, pair.patienceMs),
  ]);
  const endedAt = Math.max(...ends.map(({ at }) => at));
  await untilEqual([sender, receiver], pair.patienceMs);
  return {
    seconds: (endedAt - startedAt) / 1000,
    scanSeconds: (scanned.at - startedAt) / 1000,
    transferSeconds: (fetchedAt - scanned.at) / 1000,
    placeSeconds: (applied.at - fetchedAt) / 1000,
    agreeSeconds: (endedAt - applied.at) / 1000,
    wireBytes: (await wireBytesOf(receiver)) - wireBefore,
    peakMemoryBytes: (
      await Promise.all([sender.process.peakMemoryBytes(), receiver.process.peakMemoryBytes()])
    ).filter((bytes) => bytes !== undefined),
  };
}

/** Appends 1 KB to the file that `measureColdTransfer` left. */
export async function measureAppend({ sender, receiver, patienceMs }: Pair): Promise<{ wireBytes: number }> {
  const before = await wireBytesOf(receiver);
  await appendFile(sender.path(name), Buffer.alloc(appendedBytes, 'appended '));
  await untilEqual([sender, receiver], patienceMs);
  return { wireBytes: (await wireBytesOf(receiver)) - before };
}

export interface ResumedTransfer {
  readonly storedBytes: number;
  readonly fetchedBytes: number;
  /** Payload received after the restart that the store had already. */
  readonly fetchedTwiceBytes: number;
  /** From the restart on. */
  readonly seconds: number;
}

export async function measureResume(pair: Pair, file: LargeFile): Promise<ResumedTransfer> {
  const { sender, receiver, patienceMs } = pair;
  await rename(await make(pair, file), sender.path(name));
  await poll(
    async () =>
      (await receiver.status()).transfer.payloadIn >= file.largeBytes * killedAt ? true : undefined,
    { until: 'half of the file had come', patienceMs, pollMs: 10 },
  );
  await receiver.stop('SIGKILL');
  const stored = (await receiver.printedStatus()).store.bytes;
  const startedAt = performance.now();
  await receiver.start();
  await untilEqual([sender, receiver], patienceMs);
  const seconds = (performance.now() - startedAt) / 1000;
  const { store, transfer } = await receiver.status();
  return {
    storedBytes: stored,
    fetchedBytes: transfer.payloadIn,
    fetchedTwiceBytes: Math.max(0, transfer.payloadIn - (store.bytes - stored)),
    seconds,
  };
}

/** When the receiver last said that nothing is left to fetch, before `appliedAt`; it may say so only then. */
function lastFetchedAt(receiver: Peer, appliedAt: number): number {
  const moments = receiver.process.seen.filter(
    ({ event, at }) => event.event === 'pending' && event.files === 0 && at <= appliedAt,
  );
  return moments.at(-1)?.at ?? appliedAt;
}

async function make({ directory }: Pair, { seed, largeBytes }: LargeFile): Promise<string> {
  const outside = join(directory, name);
  await writeSeededFile(outside, seed, largeBytes);
  return outside;
}

async function wireBytesOf(peer: Peer): Promise<number> {
  const { transfer } = await peer.status();
  return transfer.bytesIn + transfer.bytesOut;
}
