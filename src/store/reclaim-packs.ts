/**
 * Reclaim: gives free the packs that are mostly dead. What is live in one is copied to the end of the last pack, and
 * then the pack is removed.
 *
 * The order, and what a crash leaves after each step:
 * 1. Live chunks are read, hashed and appended to the last pack, in new bundles those that lie in bundles. A crash leaves
 *    copies that nothing refers to.
 * 2. The copies are put on the disk.
 * 3. One synced batch gives the chunks their new places, and notes that nothing relies on the old pack. Before it they are
 *    read from the old pack, after it from the new.
 * 4. The old pack is removed when its last reader is done, and then its note. A crash before leaves it as a wholly dead
 *    one for the next collection.
 *
 * Where the records are, the index says, not the pack: so a pack that is damaged in part loses nothing by it. A chunk that
 * cannot be read, or is not what its id says, stays where it is, and its pack too.
 */
import assert from 'node:assert/strict';
import type { ChunkId } from '../chunking/index.js';
import { sealLocation, unsealChunk } from './chunk-value.js';
import type { Operation } from './database.js';
import { chunkIdOfKey, chunkKey, chunkRange, packKey, packStateKey } from './key.js';
import { inPlaceOrder, isGroup, type PackLocation } from './pack-location.js';
import { noteOperation } from './pack-note.js';
import { packHeaderBytes, recordHeaderBytes } from './pack-record.js';
import { sealPackState } from './pack-state.js';
import type { PackState } from './packs.js';
import { type CopiedRecord, copiesOf, type Move } from './record-copy.js';
import type { SweepParts } from './sweep-parts.js';

/** What of a pack is used. */
export interface PackUse {
  readonly bytes: number;
  readonly chunks: number;
}

export interface Reclaimed {
  readonly packsRemoved: number;
  /** Packs that stay because something damaged lies in them. */
  readonly packsDamaged: number;
  /** Packs that stay because the disk has no room for a copy of what is live in them. */
  readonly packsWithoutRoom: number;
  /** Bytes of live chunks that were copied. */
  readonly bytesMoved: number;
}

interface ReclaimOptions {
  /** How far the packs had been written when `uses` were counted: what came later is no matter of this collection. */
  readonly until: PackState;
  readonly onPack: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

export const nothingReclaimed: Reclaimed = {
  packsRemoved: 0,
  packsDamaged: 0,
  packsWithoutRoom: 0,
  bytesMoved: 0,
};

/**
 * A pack is emptied when more than this share of it is dead. Lower, and every byte that is freed costs copying several
 * others: at a quarter, three. Higher, and more of the disk is wasted: at a quarter, a third of what is live.
 */
export const deadShareMax = 0.25;
/** Chunks whose places are held in memory at a time, unless one pack has more: some 25 MB. */
const movesMax = 65_536;
/** Bytes of records that are read before they are appended. */
const moveBytesMax = 4 * 1024 * 1024;
/** Left free on the disk, whatever is copied: others write too. */
const reserveBytes = 64 * 1024 * 1024;

interface Candidate extends PackUse {
  readonly pack: number;
}

/** @param uses - what the index refers to in each pack; none in those that are not named */
export async function reclaimPacks(
  parts: SweepParts,
  uses: ReadonlyMap<number, PackUse>,
  options: ReclaimOptions,
): Promise<Reclaimed> {
  const candidates = await mostlyDead(parts, uses, options.until);
  if (candidates.some(({ pack }) => pack === parts.packs.state.pack)) await seal(parts);
  let result = nothingReclaimed;
  let done = 0;
  options.onPack(done, candidates.length);
  for (const group of groupsOf(candidates)) {
    const moves = await movesFrom(parts, group);
    if (moves === undefined) return { ...result, packsDamaged: candidates.length - result.packsRemoved };
    for (const candidate of group) {
      options.signal?.throwIfAborted();
      result = add(result, await reclaim(parts, candidate, moves.get(candidate.pack) ?? []));
      done += 1;
      options.onPack(done, candidates.length);
    }
  }
  return result;
}

/** The packs to be emptied, those with the least in them first: on a full disk they make room for the others. */
async function mostlyDead(
  { packs }: SweepParts,
  uses: ReadonlyMap<number, PackUse>,
  until: PackState,
): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  for (const pack of await packs.numbers()) {
    if (pack > until.pack) continue;
    const use = uses.get(pack) ?? { bytes: 0, chunks: 0 };
    const length = pack === until.pack ? until.length : await packs.lengthOf(pack);
    if (pack === packs.state.pack && length <= packHeaderBytes) continue; // begun, and nothing in it yet
    if (length - use.bytes > length * deadShareMax) candidates.push({ pack, ...use });
  }
  return candidates.sort((a, b) => a.bytes - b.bytes);
}

/** Ends the last pack: only a pack that is not written to any more can be emptied. */
async function seal({ step, packs, database }: SweepParts): Promise<void> {
  await step(async () => {
    await packs.seal();
    await database.write([stateOperation(packs.state), ...packs.takeNotes()], { sync: false });
  });
}

/** `candidates` in their order, divided so that the places of a group's chunks fit in memory. */
function groupsOf(candidates: readonly Candidate[]): Candidate[][] {
  const groups: Candidate[][] = [];
  let chunks = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    chunks += candidate.chunks;
    if (chunks > movesMax) {
      groups.push([]);
      chunks = candidate.chunks;
    }
    groups.at(-1)?.push(candidate);
  }
  return groups;
}

/** What the index refers to in the packs of `group`, by pack; undefined if a part of the index is damaged: it may too. */
async function movesFrom(
  { database }: SweepParts,
  group: readonly Candidate[],
): Promise<Map<number, Move[]> | undefined> {
  const moves = new Map<number, Move[]>(group.map(({ pack }) => [pack, []]));
  for await (const [key, value] of database.entries(chunkRange)) {
    const id = chunkIdOfKey(key);
    const stored = id === undefined ? undefined : unsealChunk(key, value);
    if (id === undefined || stored === undefined) return undefined;
    if (stored.kind === 'packed') moves.get(stored.location.pack)?.push({ id, from: stored.location });
  }
  return moves;
}

/** Empties and removes one pack, if it can be. */
async function reclaim(parts: SweepParts, { pack }: Candidate, moves: readonly Move[]): Promise<Reclaimed> {
  const { packs, database, step, check } = parts;
  const bytes = moves.reduce((sum, { from }) => sum + from.storedBytes, 0);
  const needed = moves.reduce((sum, { from }) => sum + copyBytesMax(from), 0);
  if (needed > 0 && (await packs.freeBytes()) < needed + reserveBytes)
    return { ...nothingReclaimed, packsWithoutRoom: 1 };
  const copies = await copy(parts, moves);
  const left = await enter(parts, pack, moves, copies);
  if (left.length > 0) {
    for (const id of left) await check(id);
    return { ...nothingReclaimed, packsDamaged: 1 };
  }
  await packs.remove(pack);
  await step(() => database.write([{ type: 'del', key: packKey(pack) }], { sync: false }));
  return { ...nothingReclaimed, packsRemoved: 1, bytesMoved: bytes };
}

/** What the copy of a chunk takes at most: one that loses its neighbours may take more than its share. */
function copyBytesMax({ codec, plainLength, storedBytes }: PackLocation): number {
  return isGroup(codec) ? recordHeaderBytes + plainLength : storedBytes;
}

/** Appends the chunks of `moves` to the last pack, in the order in which they lie. @returns where they are now */
async function copy(
  { packs, step }: SweepParts,
  moves: readonly Move[],
): Promise<ReadonlyMap<ChunkId, PackLocation>> {
  const copies = new Map<ChunkId, PackLocation>();
  let batch: CopiedRecord[] = [];
  let bytes = 0;
  const append = async (): Promise<void> => {
    const appended = batch;
    batch = [];
    bytes = 0;
    if (appended.length === 0) return;
    await step(async () => {
      const places = await packs.append(appended.map(({ record }) => record));
      for (const [index, { chunks }] of appended.entries()) {
        const place = places[index];
        assert(place !== undefined, 'every record that was appended has a place');
        for (const [id, what] of chunks) copies.set(id, { ...what, ...place });
      }
    });
  };
  for (const together of byRecord(moves)) {
    for (const copied of await copiesOf(packs, together)) {
      batch.push(copied);
      bytes += copied.record.length;
    }
    if (bytes >= moveBytesMax) await append();
  }
  await append();
  return copies;
}

/** `moves` out of one pack by the record in which they lie, in its order. */
function byRecord(moves: readonly Move[]): Move[][] {
  const groups: Move[][] = [];
  for (const move of moves.toSorted((a, b) => inPlaceOrder(a.from, b.from))) {
    const group = groups.at(-1);
    if (group?.[0]?.from.offset === move.from.offset) group.push(move);
    else groups.push([move]);
  }
  return groups;
}

/**
 * Gives the chunks their new places, durably. One whose value has changed since it was looked at has a better one.
 * @returns the chunks that still are in the old pack, because they were not copied
 */
async function enter(
  { database, packs, step, writer }: SweepParts,
  pack: number,
  moves: readonly Move[],
  copies: ReadonlyMap<ChunkId, PackLocation>,
): Promise<readonly ChunkId[]> {
  const left: ChunkId[] = [];
  await step(async () => {
    await packs.sync(); // first: a place that is on the disk must hold its record
    const keys = moves.map(({ id }) => chunkKey(id));
    const values = await database.getMany(keys);
    const operations: Operation[] = [];
    const entered = new Map<ChunkId, PackLocation>();
    let bytes = 0;
    moves.forEach(({ id, from }, index) => {
      const [key, value] = [keys[index], values[index]];
      if (key === undefined || value === undefined) return; // deleted meanwhile
      const stored = unsealChunk(key, value);
      const isElsewhere = stored?.kind === 'inline' || (stored && stored.location.pack !== pack);
      if (isElsewhere === true) return;
      const location = copies.get(id);
      if (stored === undefined || location === undefined || stored.location.offset !== from.offset) {
        left.push(id);
        return;
      }
      operations.push({ type: 'put', key, value: sealLocation(key, location) });
      entered.set(id, location);
      bytes += location.storedBytes - from.storedBytes;
    });
    const { state } = packs;
    operations.push(stateOperation(state), ...packs.takeNotes());
    if (left.length === 0)
      operations.push(noteOperation(pack, { storeId: state.storeId, length: 0, footerHash: undefined }));
    await writer.move(operations, bytes);
    for (const [id, location] of entered) writer.recent.note(id, location);
  });
  return left;
}

function stateOperation(state: PackState): Operation {
  return { type: 'put', key: packStateKey, value: sealPackState(state) };
}

function add(a: Reclaimed, b: Reclaimed): Reclaimed {
  return {
    packsRemoved: a.packsRemoved + b.packsRemoved,
    packsDamaged: a.packsDamaged + b.packsDamaged,
    packsWithoutRoom: a.packsWithoutRoom + b.packsWithoutRoom,
    bytesMoved: a.bytesMoved + b.bytesMoved,
  };
}
