/**
 * Batches that were appended go to the disk together: while it syncs, a disk writes nothing else, and it has the less to
 * do for each batch the more there are.
 *
 * One sync at a time is under way. The next begins when it is worth it (`syncBytesMin`), when somebody waits for it, or when
 * a batch has lingered.
 */

/** A batch that was appended. */
export interface UnsyncedBatch<Appended> {
  readonly result: Appended;
  readonly bytes: number;
}

interface Disk<Appended> {
  /** Puts batches on the disk. Never rejects. */
  finish(batches: readonly UnsyncedBatch<Appended>[]): Promise<void>;
}

const mebibyte = 1024 * 1024;
/** Bytes that are worth a sync. */
export const syncBytesMin = 64 * mebibyte;
/** How long batches may wait for more while nobody waits for them. */
const lingerMs = 100;

export class GroupSync<Appended> {
  /** In their order: batches whose sync has not begun. */
  private appended: UnsyncedBatch<Appended>[] = [];
  private bytes = 0;
  /** Batches that were added. */
  private added = 0;
  /** The first so many of them are finished. */
  private finished = 0;
  /** The first so many of them are waited for. */
  private awaited = 0;
  private linger: NodeJS.Timeout | undefined;
  private hasLingered = false;
  private running: Promise<void> | undefined;

  constructor(private readonly disk: Disk<Appended>) {}

  /** Takes `batch`, the next in order. */
  add(batch: UnsyncedBatch<Appended>): void {
    this.appended.push(batch);
    this.bytes += batch.bytes;
    this.added++;
    this.begin();
  }

  /** Resolves when all batches that were added before this call are finished: soon. */
  async all(): Promise<void> {
    const last = this.added;
    this.awaited = last;
    while (this.finished < last) {
      this.begin();
      await this.running;
    }
  }

  /** Begins a sync if it is due. */
  private begin(): void {
    if (this.running !== undefined || this.appended.length === 0) return;
    if (this.bytes < syncBytesMin && this.awaited <= this.finished && !this.hasLingered) {
      this.linger ??= setTimeout(() => {
        this.hasLingered = true;
        this.begin();
      }, lingerMs);
      return;
    }
    clearTimeout(this.linger);
    this.linger = undefined;
    this.hasLingered = false;
    this.running = this.run(this.appended);
    this.appended = [];
    this.bytes = 0;
  }

  private async run(batches: readonly UnsyncedBatch<Appended>[]): Promise<void> {
    await this.disk.finish(batches);
    this.finished += batches.length;
    this.running = undefined;
    this.begin();
  }
}
