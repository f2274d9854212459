/**
 * What is different in the folder: one pass merges three sequences that come in the same order, what the walk finds,
 * the heads of the own tree's entries, and the stat records. What looks the same by size, mtime, ctime and inode is
 * compared as bytes and never becomes an object; and where a scan before has seen the same (seen.ts), nothing is compared
 * at all. So a pass over 80,000 unchanged files costs what the walk costs.
 *
 * It never takes for missing what it could not see: unreadable directories, ignored and blocked names.
 */
import type { Folder, Found, FoundBatch, IgnoreRules } from '../folder/index.js';
import {
  compareRelPath,
  decodeEntry,
  type Entry,
  isUnder,
  type LeafHead,
  type RelPath,
} from '../manifest/index.js';
import { Cursor } from './cursor.js';
import type { FoundThing } from './ingest.js';
import { vouchesFor } from './records.js';
import type { Replica } from './replica.js';
import { Seen, Sight } from './seen.js';
import { type EncodedStatRecord, statRecords } from './stat-records.js';

export interface Difference {
  readonly path: RelPath;
  /** Undefined: the entry's thing is missing. */
  readonly found: FoundThing | undefined;
  /** The tree's entry when the pass saw it. */
  readonly entry: Entry | undefined;
  /** When the pass saw it, unix ms. */
  readonly seenAt: number;
}

export interface DifferencesOptions {
  readonly replica: Replica;
  readonly folder: Folder;
  readonly ignore: IgnoreRules;
  /** Only here and below; everywhere if undefined. */
  readonly under: RelPath | undefined;
  readonly now: () => number;
  readonly signal: AbortSignal | undefined;
  /** @param name - escaped for display where it is no path */
  readonly onBlocked: (name: string, reason: string) => void;
  /** Told at the end what was seen of the folder, unless that is what is noted already. */
  readonly onSeen?: (sight: Sight) => void;
}

/** In the order of the walk, some at a time. */
export function differences(options: DifferencesOptions): AsyncGenerator<readonly Difference[]> {
  return new Pass(options).run();
}

class Pass {
  readonly #options: DifferencesOptions;
  readonly #unseen: RelPath[] = [];
  readonly #sight = new Sight();
  /** The sequences to compare with, from behind `#last`; none while nothing needs comparing. */
  #known: Known | undefined;
  /** Up to here everything is dealt with. */
  #last: RelPath | undefined;

  constructor(options: DifferencesOptions) {
    this.#options = options;
  }

  async *run(): AsyncGenerator<readonly Difference[]> {
    const { replica, folder, ignore, under, signal } = this.#options;
    const seen = under === undefined ? await Seen.load(replica, ignore) : undefined;
    const walk = folder.walk({
      ignore,
      middle: seen?.middle,
      ...(under === undefined ? {} : { under }),
      ...(signal === undefined ? {} : { signal }),
    });
    let next = 0; // the batch that came next then; NaN after one that was not there
    let isSame = true;
    try {
      for await (const batch of walk) {
        if (batch.length === 0) continue;
        this.#sight.add(batch);
        const ordinal = seen?.ordinalOf(batch);
        if (ordinal !== next) isSame = false;
        if (ordinal === undefined) {
          yield await this.#compare(batch);
          next = Number.NaN;
        } else {
          // What stood before this batch then, and not now, is gone.
          if (ordinal !== next) yield* this.#missingBefore(batch.pathAt(0) as RelPath);
          await this.#closeKnown();
          next = ordinal + 1;
        }
        this.#last = batch.lastPath ?? this.#last;
      }
      if (next !== seen?.count) {
        isSame = false;
        yield* this.#rest();
      }
      if (!isSame && under === undefined) this.#options.onSeen?.(this.#sight);
    } finally {
      await this.#closeKnown();
    }
  }

  async #compare(batch: FoundBatch): Promise<Difference[]> {
    const { now } = this.#options;
    const { heads, records } = this.#comparing();
    const different: Difference[] = [];
    for (let index = 0; index < batch.length; index++) {
      const kind = batch.kindAt(index);
      const path = batch.pathAt(index);
      if (kind === 'blocked' || path === undefined) {
        const { name, reason } = batch.at(index) as Extract<Found, { kind: 'blocked' }>;
        this.#block(path, name, reason);
        continue;
      }
      if (!heads.isReady) await heads.fill();
      for (let gone = heads.before(path); gone !== undefined; gone = heads.before(path)) {
        different.push(...this.#missing(gone));
        if (!heads.isReady) await heads.fill();
      }
      const head = heads.at(path);
      if (kind === 'unreadable') {
        this.#block(path, path, (batch.at(index) as Extract<Found, { kind: 'unreadable' }>).reason);
        continue;
      }
      if (kind === 'directory' && head?.kind === 'directory') continue;
      if (kind !== 'directory' && head?.kind === kind && (await isVouchedFor(records, path, batch, index)))
        continue;
      const found = batch.at(index) as FoundThing;
      const entry = head === undefined ? undefined : decodeEntry(head.bytes);
      different.push({ path, found, entry, seenAt: now() });
    }
    return different;
  }

  async *#missingBefore(path: RelPath): AsyncGenerator<readonly Difference[]> {
    const { heads } = this.#comparing();
    if (!heads.isReady) await heads.fill();
    for (let head = heads.before(path); head !== undefined; head = heads.before(path)) {
      yield this.#missing(head);
      if (!heads.isReady) await heads.fill();
    }
  }

  async *#rest(): AsyncGenerator<readonly Difference[]> {
    for await (const head of this.#comparing().heads.rest()) yield this.#missing(head);
  }

  /** None if it is not to be there. */
  #missing({ path, kind, bytes }: LeafHead): Difference[] {
    const { ignore, now } = this.#options;
    if (kind === 'deleted' || ignore.ignores(path, kind === 'directory' ? 'directory' : 'other')) return [];
    if (this.#unseen.some((place) => path === place || isUnder(path, place))) return [];
    return [{ path, found: undefined, entry: decodeEntry(bytes), seenAt: now() }];
  }

  #block(path: RelPath | undefined, name: string, reason: string): void {
    this.#sight.isClear = false;
    this.#options.onBlocked(name, reason);
    if (path !== undefined) this.#unseen.push(path);
  }

  #comparing(): Known {
    const { replica, under } = this.#options;
    this.#known ??= {
      heads: new Cursor(headsBehind(replica, under, this.#last), ({ path }) => path),
      records: new Cursor(statRecords(replica, { under, from: this.#last }), ({ path }) => path),
    };
    return this.#known;
  }

  async #closeKnown(): Promise<void> {
    const known = this.#known;
    this.#known = undefined;
    await known?.heads.close();
    await known?.records.close();
  }
}

/** What is known of the folder, in its order. */
interface Known {
  readonly heads: Cursor<LeafHead>;
  readonly records: Cursor<EncodedStatRecord>;
}

/** Whether a stat record says that the file or symlink is what its entry says. */
function isVouchedFor(
  records: Cursor<EncodedStatRecord>,
  path: RelPath,
  batch: FoundBatch,
  index: number,
): boolean | Promise<boolean> {
  const stat = batch.statBytesAt(index);
  if (!records.isReady) return records.fill().then(() => isVouchedFor(records, path, batch, index));
  while (records.before(path) !== undefined) {
    if (!records.isReady) return records.fill().then(() => isVouchedFor(records, path, batch, index));
  }
  const record = records.at(path);
  return record !== undefined && vouchesFor(record.bytes, stat);
}

/** @param last - only what comes after it */
async function* headsBehind(
  replica: Replica,
  under: RelPath | undefined,
  last: RelPath | undefined,
): AsyncGenerator<readonly LeafHead[]> {
  const range = { ...(under === undefined ? {} : { under }), ...(last === undefined ? {} : { from: last }) };
  const isWanted = ({ path }: LeafHead): boolean =>
    (under === undefined || path === under || isUnder(path, under)) &&
    (last === undefined || compareRelPath(path, last) > 0);
  const isAll = under === undefined && last === undefined;
  for await (const heads of replica.tree.heads(replica.root, range))
    yield isAll ? heads : heads.filter(isWanted);
}
