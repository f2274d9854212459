/** Packs in memory whose writes can be held back or made to fail: for what cannot be asked of a real disk. */
import type { Operation } from '../../src/store/database.js';
import type { RecordPlace } from '../../src/store/pack-location.js';
import type { PackState, Packs } from '../../src/store/packs.js';

export class FailingPacks implements Packs {
  /** Bytes of each `append`. */
  readonly appends: number[] = [];
  reads = 0;
  syncs = 0;
  /** Awaited by each append and sync before anything is done; rejects to make it fail. */
  gate: (what: 'append' | 'sync') => Promise<void> = async () => {};
  private content = new Uint8Array(0);
  private length = 0;

  get state(): PackState {
    return { storeId: new Uint8Array(16), pack: 1, length: this.length };
  }

  async append(records: readonly Uint8Array[]): Promise<readonly RecordPlace[]> {
    await this.gate('append');
    const bytes = records.reduce((sum, record) => sum + record.length, 0);
    this.appends.push(bytes);
    if (this.length + bytes > this.content.length) {
      const grown = new Uint8Array(2 * (this.length + bytes));
      grown.set(this.content.subarray(0, this.length));
      this.content = grown;
    }
    return records.map((record) => {
      const place = { pack: 1, offset: this.length };
      this.content.set(record, this.length);
      this.length += record.length;
      return place;
    });
  }

  async read({ offset }: RecordPlace, length: number): Promise<Uint8Array | undefined> {
    this.reads += 1;
    const record = this.content.slice(offset, Math.min(offset + length, this.length));
    return record.length === length ? record : undefined;
  }

  takeNotes(): readonly Operation[] {
    return [];
  }

  async numbers(): Promise<readonly number[]> {
    return [];
  }

  async inspect(): Promise<'missing'> {
    return 'missing';
  }

  async lengthOf(): Promise<number> {
    return this.length;
  }

  /** There is one pack, and it is never finished: volatile-disk.ts has more. */
  async seal(): Promise<void> {
    throw new Error('This double has one pack.');
  }

  async remove(): Promise<void> {
    throw new Error('This double has one pack.');
  }

  async freeBytes(): Promise<number> {
    return Number.MAX_SAFE_INTEGER;
  }

  async sync(): Promise<void> {
    await this.gate('sync');
    this.syncs += 1;
  }

  async close(): Promise<void> {}
}
