/**
 * Reads of records: those that are asked for in one turn of the event loop and lie one after another in a pack are read
 * at once, because handing a read to the thread pool costs more than what is read. Chunks of a file lie in its order, so
 * that whoever reads ahead in one asks for neighbours.
 */
import { readAll } from './file-bytes.js';
import type { PackDescriptors } from './pack-descriptors.js';

/** Most that is read at once, unless a single record is longer. */
const runBytesMax = 1024 * 1024;
/** Most records that are read at once: systems take 1,024 buffers in a call. */
const runRecordsMax = 512;

interface Read {
  readonly pack: number;
  readonly offset: number;
  readonly record: Uint8Array<ArrayBuffer>;
  readonly resolve: (record: Uint8Array<ArrayBuffer> | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class PackReads {
  private waiting: Read[] = [];

  constructor(private readonly descriptors: PackDescriptors) {}

  /**
   * The `length` bytes at `offset` of the pack, in memory of their own; undefined if the pack ends before them.
   * @throws what opening or reading the pack throws
   */
  read(pack: number, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return new Promise((resolve, reject) => {
      const record = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      if (this.waiting.push({ pack, offset, record, resolve, reject }) === 1)
        setImmediate(() => this.begin());
    });
  }

  /** Begins all that was asked for: what is closed or removed afterwards is still read. */
  begin(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const run of runsOf(waiting)) void this.readRun(run);
  }

  /** Never rejects: a failure goes to those who asked. */
  private async readRun(run: readonly [Read, ...Read[]]): Promise<void> {
    const [{ pack, offset }] = run;
    try {
      const records = run.map(({ record }) => record);
      const bytesRead = await this.descriptors.use(pack, (file) => readAll(file, records, offset));
      for (const read of run) {
        const end = read.offset - offset + read.record.length;
        read.resolve(end <= bytesRead ? read.record : undefined);
      }
    } catch (error) {
      if (run.length === 1) run[0].reject(error);
      else for (const read of run) void this.readRun([read]); // it may be one of them alone that cannot be read
    }
  }
}

/** `reads` in groups of neighbours. */
function runsOf(reads: readonly Read[]): [Read, ...Read[]][] {
  const runs: [Read, ...Read[]][] = [];
  let bytes = 0;
  let last: Read | undefined;
  for (const read of reads.toSorted((a, b) => a.pack - b.pack || a.offset - b.offset)) {
    const run = runs.at(-1);
    bytes += read.record.length;
    const isNext = last?.pack === read.pack && last.offset + last.record.length === read.offset;
    if (run !== undefined && isNext && bytes <= runBytesMax && run.length < runRecordsMax) run.push(read);
    else {
      runs.push([read]);
      bytes = read.record.length;
    }
    last = read;
  }
  return runs;
}
