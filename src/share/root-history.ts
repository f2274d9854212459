/**
 * The history of the own tree: a `root` record for each root that this device signed a head for, under the time of
 * the head. They say which states of the folder can be brought back; retention.ts says how long.
 *
 * Bounded: the history is thinned when it has grown by `notesPerThinning`, and by every collection. A record goes
 * before the chunks that only it needs, so no record ever names a tree that was collected.
 *
 * A damaged record keeps nobody from working: it is passed over where roots are noted. A collection ends at it, as it
 * is not known what it kept.
 */
import type { ChunkId } from '../chunking/index.js';
import { isShoalError, ShoalError } from '../error.js';
import type { RecordChange, RecordStore } from '../store/index.js';
import { decodeRoot, encodeRoot } from './records.js';
import { keepMsDefault, retained } from './retention.js';

/** A root that the own tree had. */
export interface NotedRoot {
  /** Unix ms, by this device's clock. */
  readonly time: number;
  readonly root: ChunkId;
}

interface RootRecord extends NotedRoot {
  readonly key: string;
}

/** What retention makes of a history. */
export interface Thinning {
  readonly kept: readonly NotedRoot[];
  readonly dropped: readonly NotedRoot[];
  /** What takes the dropped ones out of the store. */
  readonly changes: readonly RecordChange[];
}

type OnDamage = 'throw' | 'pass over';

const notesPerThinning = 1000;
/** 2^53 has 16 digits. */
const timeDigits = 16;
const sequenceDigits = 16;
const keyForm = /^(\d{16})-\d{16}$/;

export class RootHistory {
  readonly #store: RecordStore;
  #last: ChunkId | undefined;
  #notesSinceThinning = 0;

  private constructor(store: RecordStore, last: ChunkId | undefined) {
    this.#store = store;
    this.#last = last;
  }

  static async open(store: RecordStore): Promise<RootHistory> {
    let last: ChunkId | undefined;
    for await (const { root } of rootRecords(store, 'pass over')) last = root;
    return new RootHistory(store, last);
  }

  /**
   * The changes that note `root` as the own one of `time`: to be committed with its head. None if it is the one noted
   * last.
   * @param sequence - of the head: keeps two heads of one millisecond apart
   */
  async note({ time, root }: NotedRoot, sequence: number): Promise<readonly RecordChange[]> {
    if (root === this.#last) return [];
    this.#last = root;
    this.#notesSinceThinning++;
    const note: RecordChange = { kind: 'root', key: keyOf(time, sequence), value: encodeRoot(root) };
    if (this.#notesSinceThinning < notesPerThinning) return [note];
    this.#notesSinceThinning = 0;
    return [note, ...(await this.#thin(time, keepMsDefault, 'pass over')).changes];
  }

  /** The noted roots, oldest first, as they are when the iteration begins. @throws ShoalError STORE_DAMAGED */
  async *roots(): AsyncGenerator<NotedRoot> {
    for await (const { time, root } of rootRecords(this.#store, 'throw')) yield { time, root };
  }

  /**
   * What is to be kept and dropped at `now`; nothing is dropped before `changes` are committed.
   * @throws ShoalError STORE_DAMAGED
   */
  thin(now: number, keepMs: number): Promise<Thinning> {
    return this.#thin(now, keepMs, 'throw');
  }

  async #thin(now: number, keepMs: number, onDamage: OnDamage): Promise<Thinning> {
    const records: RootRecord[] = [];
    for await (const record of rootRecords(this.#store, onDamage)) records.push(record);
    const isKept = retained(
      records.map(({ time }) => time),
      now,
      keepMs,
    );
    const dropped = records.filter((_, index) => isKept[index] !== true);
    return {
      kept: records.filter((_, index) => isKept[index] === true),
      dropped,
      changes: dropped.map(({ key }) => ({ kind: 'root', key, delete: true })),
    };
  }
}

async function* rootRecords(store: RecordStore, onDamage: OnDamage): AsyncGenerator<RootRecord> {
  const passOver = onDamage === 'pass over';
  for await (const [key, bytes] of store.records('root', passOver ? { onDamage: () => undefined } : {})) {
    const time = keyForm.exec(key)?.[1];
    const root = rootIn(bytes);
    if (time !== undefined && root !== undefined) yield { key, time: Number(time), root };
    else if (!passOver) throw damaged(key);
  }
}

function keyOf(time: number, sequence: number): string {
  const digits = (number: number, count: number): string => String(number).padStart(count, '0');
  return `${digits(time, timeDigits)}-${digits(sequence, sequenceDigits)}`;
}

/** undefined if `bytes` are not a root's. */
function rootIn(bytes: Uint8Array): ChunkId | undefined {
  try {
    return decodeRoot(bytes);
  } catch (error) {
    if (!isShoalError(error, 'STORE_DAMAGED')) throw error;
    return undefined;
  }
}

function damaged(key: string): ShoalError {
  return new ShoalError(
    'STORE_DAMAGED',
    'A root record in the store is damaged, so it is not known what it kept: run `shoal verify --repair`, then try again.',
    { data: { kind: 'root', key } },
  );
}
