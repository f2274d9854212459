/**
 * Compares the packs that are there with what the database knows of them. The chunks in them are not read.
 *
 * Writes and garbage collection go on meanwhile: so a pack that looks wrong is looked at once more as a step of the
 * write queue, where nothing is under way, and only then reported.
 */
import { ShoalError } from '../error.js';
import type { Database, Operation } from './database.js';
import { lostWritesKey, packKey, packNumberOfKey, packRange } from './key.js';
import { noteOf, type PackProblem, problemOf } from './pack-file.js';
import { noteOperation, type PackNote, unsealNote } from './pack-note.js';
import type { PackState, Packs } from './packs.js';
import type { WriteQueue } from './write-queue.js';

/** What `PackDamage` names the index by: packs are numbered from 1. */
const indexNumber = 0;

export interface PackDamage {
  /** Number of the pack; 0 for the index. */
  readonly pack: number;
  readonly problem: PackProblem;
}

interface Parts {
  readonly database: Database;
  readonly packs: Packs;
  readonly queue: WriteQueue;
  /** Names of damaged files of the database, where it has files of its own. */
  readonly damagedTables?: (() => Promise<readonly string[]>) | undefined;
}

/** As `ChunkStore.checkPacks`. */
export async function* checkPacks(parts: Parts, signal?: AbortSignal): AsyncGenerator<PackDamage> {
  const { packs, queue } = parts;
  const damagedTables = (await parts.damagedTables?.()) ?? [];
  const hasLostWrites = (await parts.database.get(lostWritesKey)) !== undefined;
  if (hasLostWrites || damagedTables.length > 0) yield { pack: indexNumber, problem: 'index' };
  const { numbers, failure } = await notedNumbers(parts.database);
  for (const pack of await packs.numbers()) numbers.add(pack);
  for (const pack of [...numbers].sort((a, b) => a - b)) {
    if (signal?.aborted === true) throw cancelled();
    if ((await examine(parts, pack)) === undefined) continue;
    const problem = await inLine(queue, () => examine(parts, pack));
    if (problem !== undefined) yield { pack, problem };
  }
  if (failure !== undefined) throw failure;
}

/** As `ChunkStore.settlePacks`. */
export async function settlePacks(parts: Parts, numbers: readonly number[]): Promise<void> {
  const { database, packs, queue } = parts;
  await inLine(queue, async () => {
    const operations: Operation[] = [];
    for (const pack of numbers) {
      if (pack === indexNumber) operations.push({ type: 'del', key: lostWritesKey });
      else if (!isActive(packs, pack)) operations.push(await settled(packs, pack));
    }
    if (operations.length > 0) await database.write(operations, { sync: true });
  });
}

/** Numbers of the packs that are noted, and why not all of them could be listed. */
async function notedNumbers(database: Database): Promise<{ numbers: Set<number>; failure?: unknown }> {
  const numbers = new Set<number>();
  try {
    for await (const [key] of database.entries(packRange)) {
      const pack = packNumberOfKey(key);
      if (pack !== undefined) numbers.add(pack);
    }
    return { numbers };
  } catch (failure) {
    return { numbers, failure };
  }
}

async function examine({ database, packs }: Parts, pack: number): Promise<PackProblem | undefined> {
  const sealed = await database.get(packKey(pack));
  const note = sealed && unsealNote(pack, sealed);
  const found = await packs.inspect(pack);
  if (note === undefined && !isActive(packs, pack)) {
    const isGone = found === 'missing' && sealed === undefined; // it was dropped since it was listed
    return isGone ? undefined : typeof found === 'string' ? found : 'unknown';
  }
  if (note?.length === 0) return undefined;
  if (typeof found === 'string') return found;
  return problemOf(pack, note ?? activeNote(packs.state, found.length), found);
}

/** What the pack that is written to would be noted as: beyond what was acknowledged there may be more. */
function activeNote({ storeId, length }: PackState, foundLength: number): PackNote {
  return { storeId, length: Math.max(length, foundLength), footerHash: undefined };
}

/** What takes a pack for what it is now. */
async function settled(packs: Packs, pack: number): Promise<Operation> {
  const found = await packs.inspect(pack);
  if (found === 'missing') return { type: 'del', key: packKey(pack) };
  const { storeId } = packs.state;
  const note = typeof found === 'string' ? undefined : noteOf(pack, found, storeId);
  return noteOperation(pack, note ?? { storeId, length: 0, footerHash: undefined });
}

/** Whether records are appended to the pack: then it is not noted yet. */
function isActive({ state }: Packs, pack: number): boolean {
  return state.pack === pack && state.length > 0;
}

/** Runs `task` as a step of the queue, without the queue failing where the task does. */
async function inLine<T>(queue: WriteQueue, task: () => Promise<T>): Promise<T> {
  let outcome: { result: T } | { error: unknown } | undefined;
  await queue.step(async () => {
    try {
      outcome = { result: await task() };
    } catch (error) {
      outcome = { error };
    }
  });
  if (outcome !== undefined && 'result' in outcome) return outcome.result;
  throw outcome?.error;
}

function cancelled(): ShoalError {
  return new ShoalError('CANCELLED', 'Checking the packs was cancelled: run `shoal verify` again.');
}
