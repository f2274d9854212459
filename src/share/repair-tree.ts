/**
 * Makes a tree whole, the own one or one of a peer's: every node that is missing or damaged is fetched from the peers, level by level, as what is
 * under a node is known only once the node is there. Nodes are named by their ids: what comes is what the root says.
 */
import type { ChunkId } from '../chunking/index.js';
import { nodeReferences } from '../manifest/index.js';
import type { ChunkSource } from './chunk-source.js';
import { forEachConcurrent } from './concurrency.js';
import type { Replica } from './replica.js';

export interface TreeRepair {
  readonly healed: readonly ChunkId[];
  /** What is under these nodes is unknown. */
  readonly missing: readonly ChunkId[];
}

/** Nodes read at once. */
const readConcurrency = 64;

/** Memory: the ids of two levels of the tree. */
export async function repairTree(
  replica: Replica,
  root: ChunkId,
  source: ChunkSource,
  signal?: AbortSignal,
): Promise<TreeRepair> {
  const healed: ChunkId[] = [];
  const missing: ChunkId[] = [];
  for (let level = [root]; level.length > 0; ) {
    const first = await readLevel(replica, level, signal);
    const fetched = new Set(first.absent);
    for (const id of await source.obtain(first.absent, signal)) fetched.delete(id);
    // What arrived is read like everything else: it may be gone again.
    const second = await readLevel(replica, [...fetched], signal);
    const lost = new Set([...first.absent.filter((id) => !fetched.has(id)), ...second.absent]);
    healed.push(...first.absent.filter((id) => !lost.has(id)));
    missing.push(...lost);
    level = [...new Set([...first.children, ...second.children])];
  }
  return { healed, missing };
}

async function readLevel(
  replica: Replica,
  ids: readonly ChunkId[],
  signal?: AbortSignal,
): Promise<{ children: ChunkId[]; absent: ChunkId[] }> {
  const [children, absent]: [ChunkId[], ChunkId[]] = [[], []];
  await forEachConcurrent(ids, readConcurrency, async (id) => {
    signal?.throwIfAborted();
    const bytes = await replica.nodes.get(id);
    if (bytes === undefined) absent.push(id);
    else for (const child of nodeReferences(bytes).children) children.push(child);
  });
  return { children, absent };
}
