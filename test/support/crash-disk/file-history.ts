/**
 * What a power cut may leave of one file, given what was done to it and what was synced.
 *
 * The rules, which ext4, xfs and btrfs keep and not more:
 * - What was synced is there.
 * - Below a sync, each sector has any of the states it went through since, independently of the others: the page cache
 *   writes whole sectors, in any order, so a later write to a sector never comes without an earlier one to the same.
 * - The size is any that it had since; where it grew and the data did not come, there are zeros.
 * - Times and permissions are any that the file had since the last fsync, but as new at least as a name of the file that
 *   was kept, because they are journaled with it.
 */
import type { SeededChoice } from '../seeded-choice.js';
import type { Attributes, Birth } from './inode.js';
import type { DataOperation } from './operation.js';

interface Pending {
  readonly data: DataOperation;
  /** A later sync put it on the disk. */
  settled: boolean;
  /** A sync of it failed: no later one writes it. */
  doomed: boolean;
}

/** How a crash treats what is not synced of a file. */
export interface DataFate {
  readonly sectorBytes: 512 | 4096;
  readonly sectors: 'all' | 'none' | 'first' | 'any';
  readonly size: 'least' | 'most' | 'any';
}

export class FileHistory {
  readonly birth: Birth;
  #synced: Uint8Array;
  #pending: Pending[] = [];
  /** Attributes since the last fsync, oldest first, and the number of the operation that made them. */
  #attributes: { readonly at: number; readonly attributes: Attributes }[];

  constructor(birth: Birth, at: number, content: Uint8Array = new Uint8Array(0)) {
    this.birth = birth;
    this.#synced = content;
    this.#attributes = [{ at, attributes: birth.attributes }];
  }

  addData(at: number, data: DataOperation, attributes: Attributes): void {
    this.#pending.push({ data, settled: false, doomed: false });
    this.addAttributes(at, attributes);
  }

  addAttributes(at: number, attributes: Attributes): void {
    this.#attributes.push({ at, attributes });
  }

  sync(how: 'all' | 'data'): void {
    for (const pending of this.#pending) if (!pending.doomed) pending.settled = true;
    if (this.#pending.every(({ settled }) => settled)) {
      this.#synced = this.#after({ sectorBytes: 4096, sectors: 'all', size: 'most' }, undefined);
      this.#pending = [];
    }
    if (how === 'all') this.#attributes = this.#attributes.slice(-1);
  }

  failSync(): void {
    for (const pending of this.#pending) if (!pending.settled) pending.doomed = true;
  }

  /** @param namedAt - the last operation on a name of this file that was kept */
  attributesAfterCrash(choice: SeededChoice, namedAt: number): Attributes {
    const oldest = this.#attributes.findLastIndex(({ at }) => at <= namedAt);
    const { attributes } = choice.of(this.#attributes.slice(Math.max(0, oldest)));
    return attributes;
  }

  contentAfterCrash(fate: DataFate, choice: SeededChoice): Uint8Array {
    return this.#after(fate, choice);
  }

  /** @param choice - not needed for the fate of everything */
  #after(fate: DataFate, choice: SeededChoice | undefined): Uint8Array {
    if (this.#pending.length === 0) return this.#synced.slice();
    const sizes = this.#sizes();
    const floor = this.#pending.findLastIndex(({ settled }) => settled) + 1;
    const steps = stepsOf(fate.size, floor, this.#pending.length, choice);
    const content = new Uint8Array(Math.max(this.#synced.length, ...sizes));
    content.set(this.#synced);
    const kept = new SectorFates(fate, choice, this.#pending);
    for (const [index, { data }] of this.#pending.entries()) {
      if (data.kind === 'write') kept.write(content, index, data);
      else if (index < steps) content.fill(0, data.size);
      else break; // What was written after it went to other blocks.
    }
    return content.slice(0, sizes[steps]);
  }

  /** The size before the first pending operation, and after each. */
  #sizes(): number[] {
    const sizes = [this.#synced.length];
    for (const { data } of this.#pending) {
      const before = sizes.at(-1) ?? 0;
      sizes.push(data.kind === 'resize' ? data.size : Math.max(before, data.offset + data.bytes.length));
    }
    return sizes;
  }
}

function stepsOf(
  size: DataFate['size'],
  least: number,
  most: number,
  choice: SeededChoice | undefined,
): number {
  if (size === 'least') return least;
  return size === 'most' || choice === undefined ? most : least + choice.below(most - least + 1);
}

/** For each sector, how many of the pending operations reached the disk. */
class SectorFates {
  readonly #counts = new Map<number, number>();
  readonly #settledBefore = new Map<number, number>();
  readonly #first: number;

  constructor(
    private readonly fate: DataFate,
    private readonly choice: SeededChoice | undefined,
    private readonly pending: readonly Pending[],
  ) {
    this.#first = choice?.below(pending.length + 1) ?? 0;
    for (const [index, { data, settled }] of pending.entries()) {
      if (!settled || data.kind !== 'write') continue;
      for (const sector of sectorsOf(data, fate.sectorBytes)) this.#settledBefore.set(sector, index + 1);
    }
  }

  write(content: Uint8Array, index: number, data: Extract<DataOperation, { kind: 'write' }>): void {
    const { sectorBytes } = this.fate;
    for (const sector of sectorsOf(data, sectorBytes)) {
      if (index >= this.#count(sector)) continue;
      const from = Math.max(data.offset, sector * sectorBytes);
      const to = Math.min(data.offset + data.bytes.length, (sector + 1) * sectorBytes);
      content.set(data.bytes.subarray(from - data.offset, to - data.offset), from);
    }
  }

  #count(sector: number): number {
    let count = this.#counts.get(sector);
    if (count !== undefined) return count;
    count = Math.max(this.#settledBefore.get(sector) ?? 0, this.#draw());
    this.#counts.set(sector, count);
    return count;
  }

  #draw(): number {
    const all = this.pending.length;
    switch (this.fate.sectors) {
      case 'all':
        return all;
      case 'none':
        return 0;
      case 'first':
        return this.#first;
      case 'any':
        return this.choice?.of([0, all, this.choice.below(all + 1)]) ?? all;
    }
  }
}

function* sectorsOf(
  { offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array },
  sectorBytes: number,
): Generator<number> {
  if (bytes.length === 0) return;
  const last = Math.floor((offset + bytes.length - 1) / sectorBytes);
  for (let sector = Math.floor(offset / sectorBytes); sector <= last; sector++) yield sector;
}
