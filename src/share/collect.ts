/**
 * Collection of garbage: frees the chunks that no retained root needs, beside whatever else runs.
 *
 * What is kept, and why nothing else is needed:
 * 1. The collection begins: from now on the store keeps every id that is put, read or asked for.
 * 2. Scans and pulls that had begun before are waited for. What they found is in the own tree now, or given up; what
 *    begins later is covered by 1. Then the own lock is taken once, for a commit that may be under way without them.
 * 3. Marked are: the own root, retained roots of the past, and what is being put in place, all of which must be whole; and
 *    what is here of the roots that other members' heads name: transfers that were broken off go on from there.
 * 4. The roots that are not retained are taken out of the history, durably, before the first of their chunks goes. So no
 *    record names a tree that was collected.
 * 5. The rest is swept (store/sweep.ts).
 * A node that cannot be read ends it before 4: it is not known what lies under it, so nothing is deleted.
 */
import type { ChunkId } from '../chunking/index.js';
import { decodeEntry } from '../manifest/index.js';
import type { OpenCollection, SweepProgress, Swept } from '../store/index.js';
import { decodeHead } from '../trust/index.js';
import { Mark, UnreadableNode } from './mark.js';
import type { OpenShare } from './open-share.js';
import type { NotedRoot } from './root-history.js';
import { diskBytesUnder } from './space.js';

export interface CollectOptions {
  /** Roots older than this are dropped. */
  readonly keepMs: number;
  readonly now: () => number;
  readonly onProgress?: (progress: CollectProgress) => void;
  readonly signal?: AbortSignal;
}

export type CollectProgress =
  /** Scans, pulls or verifications that had begun before have to end first. */
  | { readonly phase: 'waiting' }
  | { readonly phase: 'marking'; readonly nodes: number }
  | ({ readonly phase: 'sweeping' } & SweepProgress);

export interface CollectResult {
  /** False if damage kept something from being freed. */
  readonly ok: boolean;
  /** A node that had to be read and could not: nothing was deleted. */
  readonly unreadable: ChunkId | null;
  readonly roots: { readonly kept: number; readonly dropped: number };
  readonly freed: { readonly chunks: number; readonly bytes: number };
  readonly packs: {
    readonly removed: number;
    /** Stay because of damage in them, or in the index. */
    readonly damaged: number;
    /** Stay because the disk has no room for a copy of what is live in them. */
    readonly withoutRoom: number;
  };
  /** Bytes of the store's files. */
  readonly store: { readonly bytesBefore: number; readonly bytesAfter: number };
  readonly seconds: number;
}

/** @throws ShoalError CANCELLED when `signal` fires; STORE_FAILED, STORE_DAMAGED. What was freed until then is freed */
export function collect(share: OpenShare, options: CollectOptions): Promise<CollectResult> {
  return share.replica.collecting(async () => {
    const startedAt = options.now();
    const bytesBefore = await diskBytesUnder(share.layout.store);
    const found = await collectNow(share, options);
    return {
      ...found,
      store: { bytesBefore, bytesAfter: await diskBytesUnder(share.layout.store) },
      seconds: (options.now() - startedAt) / 1000,
    };
  });
}

type Found = Omit<CollectResult, 'store' | 'seconds'>;

async function collectNow(share: OpenShare, options: CollectOptions): Promise<Found> {
  const { replica, store } = share;
  const { onProgress, signal } = options;
  const collection = store.beginCollection();
  try {
    if (replica.activity.isBusy) onProgress?.({ phase: 'waiting' });
    await replica.activity.settled(signal);
    const root = await replica.exclusive(async () => replica.root);
    const { kept, dropped, changes } = await replica.history.thin(options.now(), options.keepMs);
    const roots = { kept: kept.length, dropped: dropped.length };
    const unreadable = await mark(share, collection, { root, kept, ...options });
    if (unreadable !== undefined) return nothingFreed(unreadable, roots.kept + roots.dropped);
    await store.commit(changes, { durable: true });
    const swept = await collection.sweep({
      onProgress: (progress) => onProgress?.({ phase: 'sweeping', ...progress }),
      ...(signal === undefined ? {} : { signal }),
    });
    return describe(swept, roots);
  } finally {
    collection.end();
  }
}

/** @returns the chunk that could not be read, if any: then it is not known what is needed */
async function mark(
  { replica, store }: OpenShare,
  collection: OpenCollection,
  options: CollectOptions & { readonly root: ChunkId; readonly kept: readonly NotedRoot[] },
): Promise<ChunkId | undefined> {
  const { onProgress, signal } = options;
  const marking = new Mark({
    chunks: store.chunks,
    keep: (id) => collection.keep(id),
    onProgress: (progress) => onProgress?.({ phase: 'marking', ...progress }),
    ...(signal === undefined ? {} : { signal }),
  });
  try {
    await marking.ours(options.root);
    for (const { root } of options.kept) await marking.ours(root);
    for await (const [, bytes] of store.records('journal'))
      if (bytes.length > 0) await marking.entry(decodeEntry(bytes));
    for await (const [, bytes] of store.records('head'))
      await marking.theirs(decodeHead(replica.share, bytes).head.root);
    return undefined;
  } catch (error) {
    if (error instanceof UnreadableNode) return error.id;
    throw error;
  }
}

function nothingFreed(unreadable: ChunkId, roots: number): Found {
  return {
    ok: false,
    unreadable,
    roots: { kept: roots, dropped: 0 },
    freed: { chunks: 0, bytes: 0 },
    packs: { removed: 0, damaged: 0, withoutRoom: 0 },
  };
}

function describe(swept: Swept, roots: Found['roots']): Found {
  return {
    ok: swept.unreadable === 0 && swept.packsDamaged === 0,
    unreadable: null,
    roots,
    freed: { chunks: swept.deleted.chunks, bytes: swept.deleted.bytes },
    packs: {
      removed: swept.packsRemoved,
      damaged: swept.packsDamaged,
      withoutRoom: swept.packsWithoutRoom,
    },
  };
}
