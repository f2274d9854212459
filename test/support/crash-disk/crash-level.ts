/**
 * The package `level` over the crash disk, with what LevelDB promises and no more: put in its place with `vi.mock`, so
 * that level-database.ts runs as it is.
 *
 * - A batch is one record of a log, with a checksum: there whole or not at all.
 * - A log is read up to its first bad record, each by itself: so batches at the end of a full log may be lost while those of
 *   the next one are there (`hasHole`). A `sync` write syncs the log that it went to, and nothing else: not the
 *   directory, not an older log.
 * - When a log is full a new one begins. The old one is not synced; some writes later what it held is in a table, which is
 *   synced before the old log goes.
 * - Opening puts what the logs held into a table. MANIFEST and CURRENT are changed in a safe order: that is LevelDB's own
 *   business, and not what is tested here.
 * - After a failed write everything fails until it is opened again.
 */
import { crc32 } from 'node:zlib';
import { theDisk } from './mount.js';

// Not by `import`, which leads here while a test has put the crash disk in the place of `node:fs`.
const { constants } = process.getBuiltinModule('node:fs');

/** Bytes after which a log is full; tests make it small. */
export const levelSettings = { logBytesMax: 16 * 1024 * 1024 };
/** Whether the database opened last lacks a batch and has a later one. */
export const levelRecovery = { hasHole: false };
/** Writes between the beginning of a new log and the end of the old one. */
const writesBeforeTable = 3;
const headerBytes = 8;
const batchBytes = 4;

type Values = Map<string, Uint8Array>;
type Change = readonly [key: string, value: Uint8Array | undefined];

interface Manifest {
  /** Number of the table, 0 for none. */
  readonly table: number;
  /** Logs before this one are in the table. */
  readonly logsFrom: number;
  readonly nextFile: number;
  /** Batches that are in the table. */
  readonly batches: number;
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
const keyOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

export class Level {
  #values: Values = new Map();
  #manifest: Manifest = { table: 0, logsFrom: 0, nextFile: 1, batches: 0 };
  #log = { number: 0, descriptor: 0, bytes: 0 };
  /** What the tables and the full logs hold, and how many writes came since the last log was full. */
  #full: { readonly values: Values; readonly batches: number; writes: number } | undefined;
  #batches = 0;
  #failure: Error | undefined;
  #isOpen = false;

  constructor(private readonly directory: string) {}

  async open(): Promise<void> {
    try {
      this.#recover();
      this.#isOpen = true;
    } catch (error) {
      throw Object.assign(new Error('Database failed to open', { cause: asLevelError(error) }), {
        code: 'LEVEL_DATABASE_NOT_OPEN',
      });
    }
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#assertOpen();
    const value = this.#values.get(textOf(key));
    return value === undefined ? undefined : Buffer.from(value);
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    this.#assertOpen();
    return keys.map((key) => this.#values.has(textOf(key)));
  }

  batch() {
    const changes: Change[] = [];
    return {
      put: (key: Uint8Array, value: Uint8Array) => {
        changes.push([textOf(key), Uint8Array.from(value)]);
      },
      del: (key: Uint8Array) => {
        changes.push([textOf(key), undefined]);
      },
      write: async (options: { sync: boolean }) => this.#write(changes, options),
    };
  }

  async *iterator({
    gte,
    lt,
  }: {
    gte: Uint8Array;
    lt: Uint8Array;
  }): AsyncGenerator<[Uint8Array, Uint8Array]> {
    this.#assertOpen();
    const [from, to] = [textOf(gte), textOf(lt)];
    const found = [...this.#values].filter(([key]) => key >= from && key < to);
    for (const [key, value] of found.sort(([a], [b]) => (a < b ? -1 : 1))) {
      this.#assertOpen();
      yield [keyOf(key), Buffer.from(value)];
    }
  }

  /** What is in the log goes to a table. */
  async compactRange(): Promise<void> {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#endLog();
      if (this.#full !== undefined) this.#makeTable(this.#full);
    } catch (error) {
      this.#failure = asLevelError(error);
      throw this.#failure;
    }
  }

  async close(): Promise<void> {
    if (this.#isOpen) theDisk().close(this.#log.descriptor);
    this.#isOpen = false;
  }

  #write(changes: readonly Change[], { sync }: { sync: boolean }): void {
    this.#assertOpen();
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#makeRoom();
      const record = encodeRecord(changes, ++this.#batches);
      writeAll(this.#log.descriptor, record);
      this.#log.bytes += record.length;
      if (sync) theDisk().sync(this.#log.descriptor, 'data');
      apply(this.#values, changes);
    } catch (error) {
      this.#failure = asLevelError(error);
      throw this.#failure;
    }
  }

  #makeRoom(): void {
    if (this.#full !== undefined && ++this.#full.writes >= writesBeforeTable) this.#makeTable(this.#full);
    if (this.#log.bytes < levelSettings.logBytesMax) return;
    this.#endLog();
  }

  #endLog(): void {
    if (this.#full !== undefined) this.#makeTable(this.#full);
    theDisk().close(this.#log.descriptor);
    this.#full = { values: new Map(this.#values), batches: this.#batches, writes: 0 };
    this.#beginLog();
  }

  #beginLog(): void {
    const number = this.#manifest.nextFile;
    this.#manifest = { ...this.#manifest, nextFile: number + 1 };
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
    this.#log = { number, descriptor: theDisk().open(this.#path(number, 'log'), flags).number, bytes: 0 };
  }

  #recover(): void {
    const current = `${this.directory}/CURRENT`;
    if (theDisk().find(current) === undefined) this.#writeManifest();
    else {
      const name = Buffer.from(readAll(current)).toString('latin1').trimEnd();
      this.#manifest = JSON.parse(Buffer.from(readAll(`${this.directory}/${name}`)).toString()) as Manifest;
    }
    const { table, logsFrom, batches } = this.#manifest;
    levelRecovery.hasHole = false;
    if (table > 0)
      for (const { changes } of decodeRecords(readAll(this.#path(table, 'ldb'))))
        apply(this.#values, changes);
    this.#batches = batches;
    const logs = numbersOf(this.directory, 'log');
    for (const log of logs) if (log >= logsFrom) this.#replay(this.#path(log, 'log'));
    this.#manifest = {
      ...this.#manifest,
      nextFile: Math.max(this.#manifest.nextFile, ...logs.map((n) => n + 1)),
    };
    this.#beginLog();
    this.#makeTable({ values: this.#values, batches: this.#batches });
  }

  #replay(path: string): void {
    for (const { changes, batch } of decodeRecords(readAll(path))) {
      if (batch !== this.#batches + 1) levelRecovery.hasHole = true;
      this.#batches = batch;
      apply(this.#values, changes);
    }
  }

  /** Everything before the log of now goes to a table. */
  #makeTable({ values, batches }: { readonly values: Values; readonly batches: number }): void {
    this.#full = undefined;
    const table = this.#manifest.nextFile;
    writeDurably(this.#path(table, 'ldb'), encodeRecord([...values], batches));
    this.#manifest = { table, logsFrom: this.#log.number, nextFile: table + 1, batches };
    this.#removeObsolete(this.#writeManifest());
  }

  /** @returns its name */
  #writeManifest(): string {
    const number = this.#manifest.nextFile;
    this.#manifest = { ...this.#manifest, nextFile: number + 1 };
    const name = `MANIFEST-${String(number).padStart(6, '0')}`;
    writeDurably(`${this.directory}/${name}`, Buffer.from(JSON.stringify(this.#manifest)));
    syncDirectory(this.directory);
    const temporary = `${this.directory}/${number}.dbtmp`;
    writeDurably(temporary, Buffer.from(`${name}\n`));
    theDisk().rename(temporary, `${this.directory}/CURRENT`);
    syncDirectory(this.directory);
    return name;
  }

  #removeObsolete(manifestName: string): void {
    const { table, logsFrom } = this.#manifest;
    for (const { name } of theDisk().list(this.directory)) {
      const [, number = '', kind = ''] = /^(\d+)\.(log|ldb|dbtmp)$/.exec(name) ?? [];
      const isOld = kind === 'log' ? Number(number) < logsFrom : kind !== '' && Number(number) !== table;
      const isOldManifest = name.startsWith('MANIFEST-') && name !== manifestName;
      if (isOld || isOldManifest || kind === 'dbtmp') theDisk().unlink(`${this.directory}/${name}`);
    }
  }

  #path(number: number, kind: 'log' | 'ldb'): string {
    return `${this.directory}/${String(number).padStart(6, '0')}.${kind}`;
  }

  #assertOpen(): void {
    if (this.#isOpen) return;
    throw Object.assign(new Error('Database is not open'), { code: 'LEVEL_DATABASE_NOT_OPEN' });
  }
}

function apply(values: Values, changes: readonly Change[]): void {
  for (const [key, value] of changes) {
    if (value === undefined) values.delete(key);
    else values.set(key, value);
  }
}

/**
 * Length of the body and its CRC-32, then the number of the batch, then for each change: lengths of key and value
 * (0xffffffff: deleted), key, value.
 */
function encodeRecord(changes: readonly Change[], batch: number): Uint8Array {
  const number = Buffer.alloc(batchBytes);
  number.writeUInt32LE(batch);
  const parts: Buffer[] = [number];
  for (const [text, value] of changes) {
    const key = Buffer.from(text, 'latin1');
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32LE(key.length);
    lengths.writeUInt32LE(value?.length ?? 0xffffffff, 4);
    parts.push(lengths, key, Buffer.from(value ?? []));
  }
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(body.length);
  header.writeUInt32LE(crc32(body), 4);
  return Buffer.concat([header, body]);
}

function* decodeRecords(bytes: Uint8Array): Generator<{ changes: Change[]; batch: number }> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + headerBytes <= file.length; ) {
    const length = file.readUInt32LE(at);
    const body = file.subarray(at + headerBytes, at + headerBytes + length);
    if (length < batchBytes || body.length < length || crc32(body) !== file.readUInt32LE(at + 4)) return;
    yield { changes: decodeChanges(body.subarray(batchBytes)), batch: body.readUInt32LE() };
    at += headerBytes + length;
  }
}

function decodeChanges(body: Buffer): Change[] {
  const changes: Change[] = [];
  for (let at = 0; at < body.length; ) {
    const keyLength = body.readUInt32LE(at);
    const valueLength = body.readUInt32LE(at + 4);
    const key = body.toString('latin1', at + 8, at + 8 + keyLength);
    at += 8 + keyLength;
    const isDeleted = valueLength === 0xffffffff;
    changes.push([key, isDeleted ? undefined : Uint8Array.from(body.subarray(at, at + valueLength))]);
    if (!isDeleted) at += valueLength;
  }
  return changes;
}

function numbersOf(directory: string, kind: string): number[] {
  const names = theDisk()
    .list(directory)
    .filter(({ name }) => name.endsWith(`.${kind}`));
  return names.map(({ name }) => Number.parseInt(name, 10)).sort((a, b) => a - b);
}

function readAll(path: string): Uint8Array {
  const { number, inode } = theDisk().open(path, constants.O_RDONLY);
  try {
    const bytes = new Uint8Array(inode.size);
    theDisk().read(number, bytes, 0);
    return bytes;
  } finally {
    theDisk().close(number);
  }
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; ) from += theDisk().write(descriptor, bytes.subarray(from));
}

function writeDurably(path: string, bytes: Uint8Array): void {
  const flags = constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY;
  const { number } = theDisk().open(path, flags);
  try {
    writeAll(number, bytes);
    theDisk().sync(number, 'all');
  } finally {
    theDisk().close(number);
  }
}

function syncDirectory(path: string): void {
  const { number } = theDisk().open(path, constants.O_RDONLY);
  try {
    theDisk().sync(number, 'all');
  } finally {
    theDisk().close(number);
  }
}

const texts: Readonly<Record<string, string>> = {
  EIO: 'Input/output error',
  ENOSPC: 'No space left on device',
  EMFILE: 'Too many open files',
};

/** As classic-level has the system's errors: as text. */
function asLevelError(error: unknown): Error {
  const { code = '', path = '' } = error as NodeJS.ErrnoException;
  if (texts[code] === undefined) return error as Error;
  return Object.assign(new Error(`IO error: ${path}: ${texts[code]}`), { code: 'LEVEL_IO_ERROR' });
}
