/** A database in memory whose writes can be held back or made to fail: for what cannot be asked of a real disk. */
import type { Database, Operation } from '../../src/store/database.js';
import type { KeyRange } from '../../src/store/key.js';

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');

export class FailingDatabase implements Database {
  /** What was written, by key: one list a write. */
  readonly writes: { keys: string[]; bytes: number; sync: boolean }[] = [];
  /** The keys of all look-ups of several. */
  readonly asked: string[] = [];
  syncs = 0;
  /** Awaited by each write and sync before anything is done; rejects to make it fail. */
  gate: () => Promise<void> = async () => {};
  private readonly values = new Map<string, Uint8Array>();

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.values.get(textOf(key));
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.asked.push(...keys.map(textOf));
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async hasMany(keys: readonly Uint8Array[]): Promise<boolean[]> {
    this.asked.push(...keys.map(textOf));
    return keys.map((key) => this.values.has(textOf(key)));
  }

  async write(operations: Iterable<Operation>, options: { sync: boolean }): Promise<void> {
    await this.gate();
    const keys: string[] = [];
    let bytes = 0;
    for (const operation of operations) {
      const key = textOf(operation.key);
      if (operation.type === 'del') this.values.delete(key);
      else this.values.set(key, Uint8Array.from(operation.value));
      keys.push(key);
      bytes += operation.type === 'put' ? operation.value.length : 0;
    }
    this.writes.push({ keys, bytes, sync: options.sync });
  }

  async *entries(range: KeyRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
    const [from, to] = [textOf(range.gte), textOf(range.lt)];
    for (const key of [...this.values.keys()].sort()) {
      const value = this.values.get(key);
      if (key >= from && key < to && value !== undefined)
        yield [Uint8Array.from(Buffer.from(key, 'latin1')), value];
    }
  }

  async sync(): Promise<void> {
    await this.gate();
    this.syncs += 1;
  }

  async compact(): Promise<void> {
    await this.gate();
  }

  async close(): Promise<void> {}
}
