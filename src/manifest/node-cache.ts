/**
 * The nodes used last, decoded. Nodes are named by their content, so a cached one is never out of date. It makes
 * looking up one path after another cheap, above all in the order of paths.
 */
import type { ChunkId } from '../chunking/index.js';
import type { Node } from './node.js';

/** Encoded bytes of the nodes kept: the leaves of some 20,000 entries. Decoded they take about five times as much. */
const cachedBytesMax = 3 * 1024 * 1024;

export class NodeCache {
  /** Least recently used first. */
  readonly #nodes = new Map<ChunkId, { readonly node: Node; readonly bytes: number }>();
  #bytes = 0;

  get(id: ChunkId): Node | undefined {
    const kept = this.#nodes.get(id);
    if (kept === undefined) return undefined;
    this.#nodes.delete(id);
    this.#nodes.set(id, kept);
    return kept.node;
  }

  /** @param bytes - the length of the node's encoding */
  add(id: ChunkId, node: Node, bytes: number): void {
    this.#remove(id);
    this.#nodes.set(id, { node, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#nodes.keys()) {
      if (this.#bytes <= cachedBytesMax) return;
      this.#remove(oldest);
    }
  }

  #remove(id: ChunkId): void {
    this.#bytes -= this.#nodes.get(id)?.bytes ?? 0;
    this.#nodes.delete(id);
  }
}
