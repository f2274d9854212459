/**
 * Verify: reads every file and every chunk again and says what is not what it should be. It changes nothing.
 *
 * A file whose stat is the cached one and whose bytes differ is damaged. A file that was changed since the last scan
 * is not: the next scan takes it in.
 */
import { type ChunkId, chunkIdOf, splitStream } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { escapeForDisplay, type IgnoreRules, statEquals } from '../folder/index.js';
import { type Entry, type FileEntry, recipeParts } from '../manifest/index.js';
import type { OpenShare } from './open-share.js';
import { decodeStatRecord, pathKey } from './records.js';

export interface VerifyResult {
  readonly ok: boolean;
  readonly files: {
    readonly checked: number;
    readonly changed: number;
    readonly damaged: readonly string[];
    readonly missing: readonly string[];
  };
  readonly chunks: {
    readonly checked: number;
    readonly damaged: readonly ChunkId[];
    readonly missing: readonly ChunkId[];
  };
  readonly repaired: number;
  readonly unrepaired: number;
  readonly seconds: number;
}

export interface VerifyOptions {
  readonly files: boolean;
  readonly store: boolean;
  readonly now: () => number;
  readonly onProgress?: (progress: { files: number; bytes: number; chunks: number }) => void;
  readonly signal?: AbortSignal;
}

type Verdict = 'good' | 'changed' | 'damaged' | 'missing';

/** Findings of a kind that are listed; beyond that they are left out. */
const listedMax = 10_000;

export async function verifyShare(share: OpenShare, options: VerifyOptions): Promise<VerifyResult> {
  const startedAt = options.now();
  const progress = { files: 0, bytes: 0, chunks: 0 };
  const files = { checked: 0, changed: 0, damaged: [] as string[], missing: [] as string[] };
  const chunks = { checked: 0, damaged: [] as ChunkId[], missing: [] as ChunkId[] };
  const { replica } = share;
  const missing = new Set<ChunkId>();
  const ignore = await share.folder.loadIgnore();
  for await (const entry of replica.tree.entries(replica.root)) {
    options.signal?.throwIfAborted();
    if (options.files && (entry.kind === 'file' || entry.kind === 'symlink')) {
      const verdict = await verifyEntry(share, entry, ignore, options.signal);
      files.checked++;
      if (verdict === 'changed') files.changed++;
      else if (verdict !== 'good' && files[verdict].length < listedMax)
        files[verdict].push(escapeForDisplay(entry.path));
      progress.files++;
      progress.bytes += entry.kind === 'file' ? entry.size : 0;
      options.onProgress?.(progress);
    }
    if (options.store && entry.kind === 'file') await noteMissingChunks(share, entry, missing);
  }
  chunks.missing.push(...missing);
  if (options.store) {
    for await (const { id, ok } of share.store.chunks.verify({ signal: options.signal })) {
      chunks.checked++;
      if (!ok && chunks.damaged.length < listedMax) chunks.damaged.push(id);
      progress.chunks++;
      options.onProgress?.(progress);
    }
  }
  const unrepaired =
    files.damaged.length + files.missing.length + chunks.damaged.length + chunks.missing.length;
  return {
    ok: unrepaired === 0,
    files,
    chunks,
    repaired: 0,
    unrepaired,
    seconds: (options.now() - startedAt) / 1000,
  };
}

async function verifyEntry(
  share: OpenShare,
  entry: Extract<Entry, { kind: 'file' | 'symlink' }>,
  ignore: IgnoreRules,
  signal?: AbortSignal,
): Promise<Verdict> {
  const { folder, store } = share;
  const found = await folder.look(entry.path, ignore);
  if (found === undefined) return ignore.ignores(entry.path, 'other') ? 'changed' : 'missing';
  if (found.kind !== 'file' && found.kind !== 'symlink') return 'changed';
  if (found.kind !== entry.kind) return 'changed';
  const bytes = await store.getRecord('stat', pathKey(entry.path));
  const record = bytes === undefined ? undefined : decodeStatRecord(bytes);
  if (record === undefined || !statEquals(record.stat, found.stat)) return 'changed';
  if (entry.kind === 'symlink')
    return found.kind === 'symlink' && found.target === entry.target ? 'good' : 'damaged';
  try {
    if (await hasContent(share, entry, signal)) return 'good';
  } catch (error) {
    if (!(error instanceof ShoalError) || error.code !== 'IO') throw error;
    return 'damaged';
  }
  const again = await folder.look(entry.path, ignore);
  return again?.kind === 'file' && statEquals(again.stat, record.stat) && !record.racy
    ? 'damaged'
    : 'changed';
}

/** Cuts the file again and compares chunk by chunk with the recipe. */
async function hasContent(
  { folder, replica }: OpenShare,
  entry: FileEntry,
  signal?: AbortSignal,
): Promise<boolean> {
  const file = await folder.read(entry.path);
  const parts = recipeParts(replica.nodes, entry.recipe);
  try {
    for await (const chunk of splitStream((into) => file.readInto(into), replica.cutting, signal)) {
      const part = await parts.next();
      if (part.done === true || part.value.length !== chunk.length || part.value.id !== chunkIdOf(chunk))
        return false;
    }
    return (await parts.next()).done === true;
  } finally {
    await parts.return(undefined);
    await file.close();
  }
}

async function noteMissingChunks(
  { replica, store }: OpenShare,
  entry: FileEntry,
  missing: Set<ChunkId>,
): Promise<void> {
  try {
    for await (const { id } of recipeParts(replica.nodes, entry.recipe)) {
      if (!(await store.chunks.has(id)) && missing.size < listedMax) missing.add(id);
    }
  } catch (error) {
    if (!(error instanceof ShoalError) || error.code !== 'CHUNK_MISSING' || typeof error.data.id !== 'string')
      throw error;
    missing.add(error.data.id as ChunkId);
  }
}
