/** A NodeStore in memory that counts its reads, and a few ways to make trees and entries. */
import { type ChunkId, chunkIdOf, deriveKey } from '../../src/chunking/index.js';
import {
  type FileEntry,
  type NodeStore,
  parseRelPath,
  type RelPath,
  supersede,
  Tree,
} from '../../src/manifest/index.js';

export class MemoryNodes implements NodeStore {
  readonly nodes = new Map<ChunkId, Uint8Array>();
  reads = 0;
  puts = 0;

  async get(id: ChunkId): Promise<Uint8Array | undefined> {
    this.reads++;
    return this.nodes.get(id);
  }

  async put(id: ChunkId, bytes: Uint8Array): Promise<void> {
    this.puts++;
    this.nodes.set(id, bytes);
  }
}

export const treeKey = deriveKey('shoal manifest tree v1', new Uint8Array(32));

export function memoryTree(): { nodes: MemoryNodes; tree: Tree } {
  const nodes = new MemoryNodes();
  return { nodes, tree: new Tree(nodes, treeKey) };
}

export function path(text: string): RelPath {
  return parseRelPath(text);
}

/** An id as of a chunk with this text in it. */
export function idOf(text: string): ChunkId {
  return chunkIdOf(new TextEncoder().encode(text));
}

/** An actor id of 16 hex characters. */
export function actor(n: number): string {
  return n.toString(16).padStart(16, '0');
}

/** What a file holding `text` puts at its path. */
export function content(text: string): {
  kind: 'file';
  executable: boolean;
  size: number;
  recipe: FileEntry['recipe'];
} {
  const size = text.length;
  const parts = size === 0 ? [] : [{ id: idOf(text), length: size }];
  return { kind: 'file', executable: false, size, recipe: { depth: 0, parts } };
}

/** A file as first written by `actor(1)`. */
export function fileEntry(at: string, text: string, counter = 1): FileEntry {
  const write = { actor: actor(1), counter, mtimeNs: BigInt(counter) };
  return supersede(undefined, path(at), content(text), write) as FileEntry;
}
