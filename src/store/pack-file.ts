/**
 * A pack as a whole: what its beginning and its end say, against what is known of it. The records between are not read.
 */
import type { FileHandle } from 'node:fs/promises';
import { readAll } from './file-bytes.js';
import { decodeTrailer, matchesTrailer, type Trailer, trailerBytes } from './pack-footer.js';
import type { PackNote } from './pack-note.js';
import { type PackHeader, packHeaderBytes, packHeaderIn } from './pack-record.js';

/** What there is of a pack. */
export interface PackInspection {
  /** Bytes of the file. */
  readonly length: number;
  /** undefined if it is damaged. */
  readonly header: PackHeader | undefined;
  /** Whether its header never reached the disk: a power cut took it. */
  readonly isBlank: boolean;
  /** undefined if there is none at the end, or it was not made for this header and these records. */
  readonly footer: { readonly trailer: Trailer; readonly bytes: Uint8Array } | undefined;
}

/** Why a pack is not what it should be. */
export type PackProblem =
  /** There is no such file. */
  | 'missing'
  /** Its beginning or its end cannot be read. */
  | 'unreadable'
  /** It is shorter than it was. */
  | 'truncated'
  /** Its header is damaged. */
  | 'header'
  /** It is another pack, or one of another store. */
  | 'swapped'
  /** Its footer is damaged or gone. */
  | 'footer'
  /** It is another state of this pack than the one that was written last. */
  | 'stale'
  /** A file that the index does not know. */
  | 'unknown'
  /** Of pack 0, which stands for the index: it has lost writes, and may not know of chunks that packs hold. */
  | 'index';

/** Reads the beginning and the end of a pack; at most `footerBytesMax` bytes. @throws what reading throws */
export async function inspectPack(file: FileHandle): Promise<PackInspection> {
  const { size: length } = await file.stat();
  const header = Buffer.alloc(packHeaderBytes);
  await readAll(file, [header], 0);
  const isBlank = length < packHeaderBytes || header.every((byte) => byte === 0);
  return { length, header: packHeaderIn(header), isBlank, footer: await readFooter(file, header, length) };
}

async function readFooter(
  file: FileHandle,
  header: Uint8Array,
  length: number,
): Promise<PackInspection['footer']> {
  if (length < packHeaderBytes + trailerBytes) return undefined;
  const end = Buffer.alloc(trailerBytes);
  await readAll(file, [end], length - trailerBytes);
  const trailer = decodeTrailer(end, length);
  if (trailer === undefined) return undefined;
  const bytes = Buffer.alloc(trailer.footerBytes);
  await readAll(file, [bytes], trailer.footerAt);
  return matchesTrailer(trailer, header, bytes) ? { trailer, bytes } : undefined;
}

/** What is to be noted of the pack `number` as it is; undefined if it is not one that this store wrote. */
export function noteOf(
  number: number,
  { length, header, isBlank, footer }: PackInspection,
  storeId: Uint8Array,
): PackNote | undefined {
  if (isBlank) return { storeId, length: 0, footerHash: undefined };
  if (header?.number !== number) return undefined;
  return { storeId: header.storeId, length, footerHash: footer?.trailer.hash };
}

/** What is wrong with the finished pack `number`; undefined if it is as it was noted. */
export function problemOf(number: number, note: PackNote, found: PackInspection): PackProblem | undefined {
  if (note.length === 0) return undefined;
  if (found.length < note.length) return 'truncated';
  if (found.header === undefined) return 'header';
  if (found.header.number !== number || !isSame(found.header.storeId, note.storeId)) return 'swapped';
  if (found.length > note.length) return 'stale';
  if (note.footerHash === undefined) return undefined;
  if (found.footer === undefined) return 'footer';
  return isSame(found.footer.trailer.hash, note.footerHash) ? undefined : 'stale';
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
