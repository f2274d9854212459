/**
 * Brings a peer's tree here: all nodes under its root that are not nodes of the own tree, breadth first, many at
 * a time. A node that is in the store from an earlier, broken pull is read from there; its children are still
 * looked at, because a crash can leave a node without them.
 */
import { type ChunkId, chunkBytesMax } from '../chunking/index.js';
import { ShoalError } from '../error.js';
import { nodeReferences } from '../manifest/index.js';
import type { DeviceId } from '../trust/index.js';
import { forEachConcurrent } from './concurrency.js';
import type { Fetcher } from './fetcher.js';
import { chunkMissing, type Replica } from './replica.js';

/** A share has up to 10 million entries, about 64 a leaf, so 160,000 nodes; a hostile member's tree is cut off here. */
const nodesMax = 1_000_000;
const fetchConcurrency = 64;

export async function pullTree(
  replica: Replica,
  fetcher: Fetcher,
  target: ChunkId,
  sources: readonly DeviceId[],
  signal?: AbortSignal,
): Promise<void> {
  const known = await ownNodes(replica);
  let level: ChunkId[] = known.has(target) ? [] : [target];
  while (level.length > 0) {
    const next: ChunkId[] = [];
    await forEachConcurrent(level, fetchConcurrency, async (id) => {
      signal?.throwIfAborted();
      for (const child of nodeReferences(await nodeBytes(replica, fetcher, id, sources)).children) {
        if (known.has(child)) continue;
        known.add(child);
        next.push(child);
      }
    });
    if (known.size > nodesMax)
      throw new ShoalError('LIMIT', `A peer's manifest has more than ${nodesMax} nodes: it is not taken in.`);
    level = next;
  }
}

async function nodeBytes(
  replica: Replica,
  fetcher: Fetcher,
  id: ChunkId,
  sources: readonly DeviceId[],
): Promise<Uint8Array> {
  const stored = await replica.nodes.get(id);
  if (stored !== undefined) return stored;
  await fetcher.fetch(id, chunkBytesMax, sources);
  const fetched = await replica.nodes.get(id);
  if (fetched === undefined) throw chunkMissing(id);
  return fetched;
}

/** All node ids of the own tree; leaves are named by their parents and not read. */
async function ownNodes(replica: Replica): Promise<Set<ChunkId>> {
  const known = new Set<ChunkId>();
  let level = [replica.root];
  while (level.length > 0) {
    const next: ChunkId[] = [];
    for (const id of level) {
      known.add(id);
      const bytes = await replica.nodes.get(id);
      if (bytes === undefined) throw chunkMissing(id);
      const { children, childrenAreLeaves } = nodeReferences(bytes);
      if (childrenAreLeaves) for (const child of children) known.add(child);
      else next.push(...children);
    }
    level = next;
  }
  return known;
}
