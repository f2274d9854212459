/** Copies of records for a pack that is emptied: what is live in each, hashed. */
import { type ChunkId, chunkIdToBytes, encodeChunk } from '../chunking/index.js';
import { ChunkReader } from './chunk-reader.js';
import { type Member, tableBytes } from './chunk-table.js';
import { checkChunk, checkGrouped } from './chunk-value.js';
import { frameBundle, frameBytes, pendingRecord } from './framed-record.js';
import type { PackLocation, RecordPlace } from './pack-location.js';
import { chunkInRecord, encodeRecord, groupInRecord, recordHeaderBytes } from './pack-record.js';
import type { Packs } from './packs.js';

/** A live chunk of a pack that is to be removed. */
export interface Move {
  readonly id: ChunkId;
  readonly from: PackLocation;
}

/** A record, and where in it chunks lie. */
export interface CopiedRecord {
  readonly record: Uint8Array;
  readonly chunks: readonly (readonly [ChunkId, Omit<PackLocation, keyof RecordPlace>])[];
}

/**
 * The chunks of `moves`, all out of one record and in any order, in records of their own.
 * @returns none for those that cannot be read, or are not what their ids say
 */
export async function copiesOf(packs: Packs, moves: readonly Move[]): Promise<CopiedRecord[]> {
  const [first] = moves;
  if (first === undefined) return [];
  if (first.from.codec === 'run') return copiesOfRun(packs, moves);
  const record = await packs.read(first.from, recordHeaderBytes + first.from.encodedLength);
  if (record === undefined) return [];
  if (first.from.codec === 'bundle') return bundledCopies(moves, record);
  const encoded = chunkInRecord(first.id, first.from, record);
  if (encoded === undefined || checkChunk(first.id, encoded) === undefined) return [];
  return [{ record: encodeRecord(first.id, encoded), chunks: [[first.id, first.from]] }];
}

/** A chunk that lost its neighbours is worth no run. */
async function copiesOfRun(packs: Packs, moves: readonly Move[]): Promise<CopiedRecord[]> {
  const reader = new ChunkReader(packs);
  const copies: CopiedRecord[] = [];
  for (const { id, from } of moves) {
    const chunk = await reader.read(id, from);
    if (chunk !== undefined) copies.push(alone({ id, plainLength: from.plainLength }, chunk.plain));
  }
  return copies;
}

function bundledCopies(moves: readonly Move[], record: Uint8Array): CopiedRecord[] {
  const bundle = groupInRecord(record);
  const live = new Set(moves.map(({ id }) => id));
  const members: Member[] = [];
  const parts: Uint8Array[] = [];
  for (const member of bundle?.members ?? []) {
    const chunk = live.has(member.id) ? checkGrouped(member.id, bundle?.chunk(member.id)) : undefined;
    if (chunk === undefined) continue;
    members.push(member);
    parts.push(chunk.plain);
  }
  const together = members.length > 1 ? asBundle(members, parts) : undefined;
  return together === undefined
    ? parts.map((plain, index) => alone(members[index] as Member, plain))
    : [together];
}

function asBundle(members: readonly Member[], parts: readonly Uint8Array[]): CopiedRecord | undefined {
  const plain = Buffer.concat(parts);
  const ids = Buffer.concat(members.map(({ id }) => chunkIdToBytes(id)));
  const lengths = members.map(({ plainLength }) => plainLength);
  const memory = new Uint8Array(frameBytes + tableBytes(members.length) + plain.length);
  const length = frameBundle({ ids, lengths, plain }, memory);
  if (length === undefined) return undefined;
  const bytes = memory.subarray(frameBytes, frameBytes + length);
  const { written, chunks } = pendingRecord({ codec: 'bundle', chunks: members, bytes });
  return {
    record: written,
    chunks: chunks.map(({ id, plainLength, storedBytes }) => [
      id,
      { codec: 'bundle', plainLength, encodedLength: length, storedBytes, within: 0 },
    ]),
  };
}

function alone({ id }: Member, plain: Uint8Array): CopiedRecord {
  const encoded = encodeChunk(plain);
  const record = encodeRecord(id, encoded);
  const { codec, plainLength, bytes } = encoded;
  return {
    record,
    chunks: [
      [id, { codec, plainLength, encodedLength: bytes.length, storedBytes: record.length, within: 0 }],
    ],
  };
}
