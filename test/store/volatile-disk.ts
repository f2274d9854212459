/**
 * A database and packs in memory, on a disk that can be cut off at any operation. What was not synced may then be lost: of the
 * database any of the unsynced writes from some point on (a synced one stays, as LevelDB's logs are separate files), of a
 * pack what was appended since, and of a removal that it happened.
 */
import type { Database, Operation } from '../../src/store/database.js';
import type { KeyRange } from '../../src/store/key.js';
import type { RecordPlace } from '../../src/store/pack-location.js';
import { noteOperation } from '../../src/store/pack-note.js';
import { encodePackHeader, recordHeaderBytes } from '../../src/store/pack-record.js';
import type { PackState, Packs } from '../../src/store/packs.js';

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
const storeId = new Uint8Array(16).fill(7);

export class PowerCut extends Error {}

/** Counts the operations that change something, and ends the one that is next after `operationsLeft`. */
export class Power {
  operationsLeft = Number.POSITIVE_INFINITY;
  /** Operations so far. */
  count = 0;

  use(): void {
    this.count += 1;
    if (this.operationsLeft <= 0) throw new PowerCut('The power was cut.');
    this.operationsLeft -= 1;
  }
}

interface Write {
  readonly operations: readonly Operation[];
  durable: boolean;
}

export class VolatileDatabase implements Database {
  private values = new Map<string, Uint8Array>();
  private base = new Map<string, Uint8Array>();
  private log: Write[] = [];

  constructor(private readonly power: Power) {}

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.values.get(textOf(key));
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    return keys.map((key) => this.values.has(textOf(key)));
  }

  async write(borrowed: Iterable<Operation>, { sync }: { sync: boolean }): Promise<void> {
    this.power.use();
    const operations = copiesOf(borrowed);
    this.log.push({ operations, durable: sync });
    perform(this.values, operations);
  }

  async *entries(range: KeyRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const [from, to] = [textOf(range.gte), textOf(range.lt)];
    const now = [...this.values].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [key, value] of now)
      if (key >= from && key < to) yield [Uint8Array.from(Buffer.from(key, 'latin1')), value];
  }

  async sync(): Promise<void> {
    this.power.use();
    this.base = new Map(this.values);
    this.log = [];
  }

  async compact(): Promise<void> {}

  async close(): Promise<void> {}

  /** What a start after a power cut finds. @param below - a random number below its argument */
  cut(below: (limit: number) => number): void {
    const kept = below(this.log.length + 1);
    this.values = new Map(this.base);
    this.log.forEach(({ operations, durable }, index) => {
      if (index < kept || durable) perform(this.values, operations);
    });
    this.base = new Map(this.values);
    this.log = [];
  }
}

/** Operations that stay as they are: those of a write may lie in the same memory. */
export function copiesOf(operations: Iterable<Operation>): Operation[] {
  return Array.from(operations, (operation) => {
    const key = Uint8Array.from(operation.key);
    return operation.type === 'del'
      ? { type: 'del', key }
      : { type: 'put', key, value: Uint8Array.from(operation.value) };
  });
}

function perform(values: Map<string, Uint8Array>, operations: readonly Operation[]): void {
  for (const operation of operations) {
    if (operation.type === 'del') values.delete(textOf(operation.key));
    else values.set(textOf(operation.key), operation.value);
  }
}

interface Pack {
  bytes: Uint8Array;
  durableLength: number;
}

export class VolatilePacks implements Packs {
  private readonly files = new Map<number, Pack>();
  private readonly removed = new Map<number, Pack>();
  private notes: Operation[] = [];
  private last = 0;
  free = Number.MAX_SAFE_INTEGER;

  constructor(
    private readonly power: Power,
    private readonly bytesMax: number,
  ) {}

  get state(): PackState {
    return { storeId, pack: this.last, length: this.files.get(this.last)?.bytes.length ?? 0 };
  }

  get bytes(): number {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  async append(records: readonly Uint8Array[]): Promise<readonly RecordPlace[]> {
    this.power.use();
    const added = Buffer.concat(records);
    const current = this.files.get(this.last);
    const pack = current && current.bytes.length + added.length <= this.bytesMax ? current : this.begin();
    let offset = pack.bytes.length;
    pack.bytes = Uint8Array.from(Buffer.concat([pack.bytes, added]));
    return records.map((record) => {
      const place = { pack: this.last, offset };
      offset += record.length;
      return place;
    });
  }

  async read({ pack, offset }: RecordPlace, length: number): Promise<Uint8Array | undefined> {
    const { bytes = new Uint8Array(0) } = this.files.get(pack) ?? {};
    return offset + length > bytes.length ? undefined : bytes.slice(offset, offset + length);
  }

  takeNotes(): readonly Operation[] {
    return this.notes.splice(0);
  }

  async inspect(): Promise<'missing'> {
    return 'missing';
  }

  async lengthOf(pack: number): Promise<number> {
    return this.files.get(pack)?.bytes.length ?? 0;
  }

  async numbers(): Promise<readonly number[]> {
    return [...this.files.keys()].sort((a, b) => a - b);
  }

  async seal(): Promise<void> {
    this.power.use();
    this.begin();
  }

  async remove(pack: number): Promise<void> {
    if (pack >= this.last) throw new Error('A pack that is written to was removed.');
    this.power.use();
    const file = this.files.get(pack);
    if (file !== undefined) this.removed.set(pack, file);
    this.files.delete(pack);
  }

  async freeBytes(): Promise<number> {
    return this.free;
  }

  async sync(): Promise<void> {
    this.power.use();
    for (const pack of this.files.values()) pack.durableLength = pack.bytes.length;
  }

  async close(): Promise<void> {}

  /** What a start after a power cut finds: a new pack begins then, as the last one may have lost its end. */
  cut(below: (limit: number) => number): void {
    for (const pack of this.files.values()) {
      const lost = below(pack.bytes.length - pack.durableLength + 1);
      pack.bytes = pack.bytes.slice(0, pack.bytes.length - lost);
      pack.durableLength = pack.bytes.length;
    }
    for (const [number, file] of this.removed) if (below(2) === 0) this.files.set(number, file);
    this.removed.clear();
    this.begin();
  }

  /** Flips a bit in the middle of the record at `location`. */
  damage({ pack, offset }: RecordPlace): void {
    const bytes = this.files.get(pack)?.bytes;
    const at = offset + recordHeaderBytes + 1;
    if (bytes !== undefined) bytes[at] = (bytes[at] ?? 0) ^ 1;
  }

  private begin(): Pack {
    const finished = this.files.get(this.last);
    if (finished !== undefined)
      this.notes.push(
        noteOperation(this.last, { storeId, length: finished.bytes.length, footerHash: undefined }),
      );
    this.last += 1;
    const pack = { bytes: encodePackHeader(storeId, this.last), durableLength: 0 };
    this.files.set(this.last, pack);
    return pack;
  }
}
