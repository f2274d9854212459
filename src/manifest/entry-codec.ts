/**
 * The encoding of an entry: one canonical CBOR array. Decoding accepts exactly what encoding produces, so equal
 * entries have equal bytes on all devices.
 *
 *     deleted    [4, path, heads, overtaken]
 *     directory  [2, path, heads, overtaken, writes]
 *     symlink    [3, path, heads, overtaken, writes, conflictOf, target]
 *     file       [1, path, heads, overtaken, writes, conflictOf, executable, size, depth, parts]
 *
 * `heads` and `overtaken` are the two halves of the version, each a flat list of actor, counter; `writes` is a flat
 * list of actor, counter, mtime, displaced; `parts` one of id, length. Paths and targets are UTF-8 byte strings.
 */
import { strict as assert } from 'node:assert';
import {
  type CanonicalWriter,
  decodeFields,
  encodeCanonical,
  type FieldReader,
  malformed,
} from '../cbor/index.js';
import { isShoalError, ShoalError } from '../error.js';
import { bytesToHex, decodeText, equalBytes } from './bytes.js';
import { conflictPath } from './conflict-path.js';
import { contentValues, kindCodes, readFile, readSymlink, writeContent } from './content-codec.js';
import { conflictOfEntry, type Entry, type Known, type LiveEntry, liveEntry, type Write } from './entry.js';
import { parseRelPath, pathBytesMax, type RelPath } from './rel-path.js';
import { compareDots, type Version, versionIncludes } from './version.js';

/** Actors that one path's version can name. */
export const actorsMax = 256;
/** Concurrent writes of equal content that one entry can list. */
export const writesMax = 64;
/** No entry within the bounds is longer: three texts, a full version, all writes, 16 parts. */
export const entryBytesMax = 20 * 1024;
const actorBytes = 8;
const what = 'manifest entry';

/** How many values an entry is. */
const valuesOf = {
  deleted: 4,
  directory: 5 + contentValues.directory,
  symlink: 6 + contentValues.symlink,
  file: 6 + contentValues.file,
} as const;

/** @throws ShoalError LIMIT if the entry knows more than `actorsMax` actors */
export function encodeEntry(entry: Entry): Uint8Array {
  if (entry.version.size > actorsMax) {
    throw new ShoalError(
      'LIMIT',
      `More than ${actorsMax} devices wrote to one path: it cannot be recorded.`,
      {
        data: { path: entry.path },
      },
    );
  }
  const bytes = encodeCanonical((to) => {
    to.array(valuesOf[entry.kind]);
    to.integer(kindCodes[entry.kind]);
    to.text(entry.path);
    writeVersion(to, entry);
    if (entry.kind === 'deleted') return;
    writeWrites(to, entry.writes);
    if (entry.kind !== 'directory') writeOrigin(to, entry.conflictOf);
    writeContent(to, entry);
  });
  assert(bytes.length <= entryBytesMax, 'An entry within its bounds must fit in entryBytesMax.');
  return bytes;
}

/**
 * @param bytes - from anybody
 * @throws ShoalError MALFORMED unless it is the encoding of an entry within all bounds
 */
export function decodeEntry(bytes: Uint8Array): Entry {
  const fields = decodeFields(bytes, what, entryBytesMax);
  const kind = fields.integer('the kind', kindCodes.file, kindCodes.deleted);
  const known = readKnown(fields);
  const entry: Entry =
    kind === kindCodes.deleted ? { kind: 'deleted', ...known } : readLive(fields, kind, known);
  fields.end();
  return entry;
}

/** What an entry is about, without the rest of it. */
export interface EntryHead {
  readonly kind: Entry['kind'];
  readonly path: RelPath;
}

/**
 * The first two fields of an entry that was checked when it was put into the tree: ten times faster than `decodeEntry`.
 * @throws ShoalError MALFORMED if they are not there
 */
export function headOfEntry(bytes: Uint8Array): EntryHead {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = bytes.length > pathHeaderAt + 3 ? kindOfCode.get(view.getUint8(1)) : undefined;
  if (kind === undefined) throw malformed(what, 'its kind is unknown');
  const header = view.getUint8(pathHeaderAt);
  const [start, length] =
    header === cborBytes16
      ? [pathHeaderAt + 3, view.getUint16(pathHeaderAt + 1)]
      : header === cborBytes8
        ? [pathHeaderAt + 2, view.getUint8(pathHeaderAt + 1)]
        : [pathHeaderAt + 1, header - cborBytes0];
  return { kind, path: decodeText(bytes.subarray(start, start + length)) as RelPath };
}

/** Behind the header of the array and the kind, one byte each. */
const pathHeaderAt = 2;
/** Headers of a byte string: its length in the header, in 1 byte, in 2 bytes. @see RFC 8949, 3.1 */
const cborBytes0 = 0x40;
const cborBytes8 = 0x58;
const cborBytes16 = 0x59;
const kindOfCode = new Map<number, Entry['kind']>(
  (Object.keys(kindCodes) as Entry['kind'][]).map((kind) => [kindCodes[kind], kind]),
);

/** Whether two entries of one path are the same in everything: content, version and writes. */
export function sameEntry(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return a === b;
  return equalBytes(encodeEntry(a), encodeEntry(b));
}

function writeOrigin(to: CanonicalWriter, origin: RelPath | undefined): void {
  if (origin === undefined) to.null();
  else to.text(origin);
}

/** Two values: the actors that are heads, and those that are overtaken. */
function writeVersion(to: CanonicalWriter, { version, overtaken }: Known): void {
  if (overtaken === undefined && version.size === 1) {
    // Nearly all of them, so without the lists that sorting takes.
    to.array(2);
    version.forEach((counter, actor) => {
      writeCounter(to, actor, counter);
    });
    to.array(0);
    return;
  }
  const actors = [...version.keys()].sort();
  const late = new Set(overtaken);
  writeCounters(
    to,
    version,
    actors.filter((actor) => !late.has(actor)),
  );
  writeCounters(
    to,
    version,
    actors.filter((actor) => late.has(actor)),
  );
}

function writeCounters(to: CanonicalWriter, version: Version, actors: readonly string[]): void {
  to.array(2 * actors.length);
  for (const actor of actors) writeCounter(to, actor, version.get(actor) as number);
}

function writeCounter(to: CanonicalWriter, actor: string, counter: number): void {
  to.hexBytes(actor);
  to.integer(counter);
}

function writeWrites(to: CanonicalWriter, writes: readonly Write[]): void {
  assert(writes.length >= 1 && writes.length <= writesMax, 'A live entry has 1 to writesMax writes.');
  to.array(4 * writes.length);
  for (const { actor, counter, mtimeNs, displaced } of writes) {
    to.hexBytes(actor);
    to.integer(counter);
    to.integer64(mtimeNs);
    to.boolean(displaced === true);
  }
}

function readKnown(fields: FieldReader): Known {
  const path = readPath(fields.text('the path', pathBytesMax));
  const heads = readVersion(fields);
  const rest = readVersion(fields);
  const version: Version = new Map([...heads, ...rest]);
  if (version.size !== heads.size + rest.size) throw malformed(what, 'an actor is both head and overtaken');
  if (version.size > actorsMax) throw malformed(what, `its version names more than ${actorsMax} actors`);
  return rest.size === 0 ? { path, version } : { path, version, overtaken: [...rest.keys()] };
}

function readVersion(fields: FieldReader): Version {
  const list = fields.list('the version', 2, { min: 0, max: actorsMax });
  const version = new Map<string, number>();
  let last = '';
  while (list.remaining > 0) {
    const actor = readActor(list);
    if (actor <= last) throw malformed(what, 'the actors of its version are out of order');
    version.set(actor, list.integer('a counter', 1, Number.MAX_SAFE_INTEGER));
    last = actor;
  }
  return version;
}

function readLive(fields: FieldReader, kind: number, known: Known): LiveEntry {
  const writes = readWrites(fields, known.version);
  if (kind === kindCodes.directory) {
    if (writes.some(({ displaced }) => displaced)) throw malformed(what, 'a directory was displaced');
    return liveEntry(known, writes, { kind: 'directory' }, undefined);
  }
  const origin = fields.optional(() => fields.text('the conflict origin', pathBytesMax));
  const conflictOf = origin === undefined ? undefined : readPath(origin);
  const content = kind === kindCodes.file ? readFile(fields, what) : readSymlink(fields);
  const entry = liveEntry(known, writes, content, conflictOf);
  checkDisplaced(entry);
  return entry;
}

function readWrites(fields: FieldReader, version: Version): Write[] {
  const list = fields.list('the writes', 4, { min: 1, max: writesMax });
  const writes: Write[] = [];
  while (list.remaining > 0) {
    const actor = readActor(list);
    const counter = list.integer('a counter', 1, Number.MAX_SAFE_INTEGER);
    const mtimeNs = list.integer64('a modification time');
    const isDisplaced = list.boolean('displaced');
    const write: Write = isDisplaced
      ? { actor, counter, mtimeNs, displaced: true }
      : { actor, counter, mtimeNs };
    const last = writes.at(-1);
    if (last !== undefined && compareWrites(last, write) >= 0)
      throw malformed(what, 'its writes are out of order');
    if (!write.displaced && !versionIncludes(version, write))
      throw malformed(what, 'its version does not include its write');
    writes.push(write);
  }
  return writes;
}

/** A displaced write stands only where the rule of conflict paths puts it: the merge looks for it nowhere else. */
function checkDisplaced(entry: LiveEntry): void {
  const origin = conflictOfEntry(entry);
  if (origin === entry.path) throw malformed(what, 'it is a conflict copy of itself');
  if (!entry.writes.some(({ displaced }) => displaced)) return;
  if (origin === undefined) throw malformed(what, 'a displaced write has no origin');
  if (conflictPath(origin, entry) !== entry.path)
    throw malformed(what, 'a displaced write is not at its conflict path');
}

/** The order of the writes of one entry. */
export function compareWrites(a: Write, b: Write): number {
  return compareDots(a, b) || Number(a.displaced ?? false) - Number(b.displaced ?? false);
}

function readActor(fields: FieldReader): string {
  return bytesToHex(fields.bytes('an actor', actorBytes, actorBytes));
}

function readPath(text: string): RelPath {
  try {
    return parseRelPath(text);
  } catch (cause) {
    if (!isShoalError(cause, 'PATH_REJECTED')) throw cause;
    throw malformed(what, 'its path cannot be in a share', cause);
  }
}
