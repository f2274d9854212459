/**
 * Verifies many files and symlinks. What the stat cache vouches for is read by the threads of an ingest, of which nothing is
 * kept: if it still looks as recorded and its content is the entry's, all is well. Whatever is not that clear is looked at
 * by itself (verify-file.ts). Nothing is changed.
 */
import { windowBytes } from '../chunking/index.js';
import { type IgnoreRules, statEquals } from '../folder/index.js';
import { type Entry, type FileEntry, type RelPath, sameContent } from '../manifest/index.js';
import { Cursor } from './cursor.js';
import { type FoundFile, Ingest, type Outcome } from './ingest.js';
import type { OpenShare } from './open-share.js';
import { statRecordIn } from './records.js';
import { type EncodedStatRecord, statRecords } from './stat-records.js';
import { type FileVerdict, verifyEntry } from './verify-file.js';

interface FileVerificationOptions {
  /** Where it begins; at the beginning if undefined. */
  readonly from: RelPath | undefined;
  /** Cancels it, in the middle of a long file too. */
  readonly signal: AbortSignal;
}

/** A file as the stat cache says that it stands there. */
interface Recorded {
  readonly entry: FileEntry;
  readonly found: FoundFile;
}

export class FileVerification {
  readonly #share: OpenShare;
  readonly #ignore: IgnoreRules;
  readonly #signal: AbortSignal;
  readonly #ingest: Ingest;
  readonly #records: Cursor<EncodedStatRecord>;
  /** Ends when the records of all entries that came until now are read. Never rejects. */
  #reading: Promise<unknown> = Promise.resolve();

  /** Must be closed. */
  constructor(share: OpenShare, ignore: IgnoreRules, { from, signal }: FileVerificationOptions) {
    const { replica, folder } = share;
    this.#share = share;
    this.#ignore = ignore;
    this.#signal = signal;
    this.#ingest = new Ingest(replica.rehearse(), folder, { signal });
    this.#records = new Cursor(statRecords(replica, { from }), ({ path }) => path);
  }

  /**
   * Call in the order of the folder; one call need not have ended when the next one comes.
   * @param entries - as many as one job of an ingest takes
   * @returns a verdict for each; undefined of one that is neither file nor symlink
   */
  async verdicts(entries: readonly Entry[]): Promise<(FileVerdict | undefined)[]> {
    const reading = this.#reading.then(() => this.#recorded(entries));
    this.#reading = reading.catch(() => undefined);
    const recorded = await reading;
    const outcomes = await this.#ingest.takeTogether(recorded.map(({ found }) => found));
    const good = new Set<Entry>();
    for (const [index, { entry, found }] of recorded.entries())
      if (isGood(entry, found, outcomes[index] as Outcome)) good.add(entry);
    const verdicts: (FileVerdict | undefined)[] = [];
    for (const entry of entries) verdicts.push(good.has(entry) ? 'good' : await this.#verdict(entry));
    return verdicts;
  }

  async close(): Promise<void> {
    await this.#reading;
    await this.#records.close();
    await this.#ingest.close();
  }

  async #verdict(entry: Entry): Promise<FileVerdict | undefined> {
    if (entry.kind !== 'file' && entry.kind !== 'symlink') return undefined;
    return verifyEntry(this.#share, entry, this.#ignore, this.#signal);
  }

  /** Those of `entries` that need not be looked at before they are read. */
  async #recorded(entries: readonly Entry[]): Promise<Recorded[]> {
    const recorded: Recorded[] = [];
    for (const entry of entries) {
      const { path } = entry;
      if (!this.#records.isReady) await this.#records.fill();
      while (this.#records.before(path) !== undefined) if (!this.#records.isReady) await this.#records.fill();
      const bytes = this.#records.at(path)?.bytes;
      const record = bytes && statRecordIn(bytes);
      if (entry.kind !== 'file' || record === undefined || record.racy || record.stat.size !== entry.size)
        continue;
      const found = { kind: 'file', path, stat: record.stat } as const;
      if (!this.#ignore.ignores(path, 'other') && (await this.#isWorthReading(found)))
        recorded.push({ entry, found });
    }
    return recorded;
  }

  /** A long file is not read in vain, if a look at it says that it was edited. */
  async #isWorthReading({ path, stat }: FoundFile): Promise<boolean> {
    if (stat.size <= windowBytes) return true;
    const found = await this.#share.folder.look(path, this.#ignore);
    return found?.kind === 'file' && statEquals(found.stat, stat);
  }
}

/** Whether a file was read as it was recorded, and is what its entry says, but for the executable bit. */
function isGood(entry: FileEntry, found: FoundFile, outcome: Outcome): boolean {
  if (outcome.outcome !== 'taken') return false;
  const { content, stat } = outcome.ingested;
  if (content.kind !== 'file' || stat === undefined || !statEquals(stat, found.stat)) return false;
  return sameContent({ ...content, executable: entry.executable }, entry);
}
