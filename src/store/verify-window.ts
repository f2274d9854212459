/**
 * The order in which chunks are read to be verified: by windows of the index, and in each as they lie in the packs. So a
 * disk is read from front to back, and a bundle is decoded once a window, not once for each chunk in it. Those may be anywhere
 * in the index, so the larger the windows, the less often it is decoded.
 */
import type { ChunkId } from '../chunking/index.js';
import { type StoredChunk, storedBytesOf, unsealChunk } from './chunk-value.js';
import { chunkIdOfKey } from './key.js';
import { inPlaceOrder, type PackLocation } from './pack-location.js';

/** Most chunks in a window: about 50 MiB of memory. */
const windowChunksMax = 2 ** 18;
/** Chunks that are asked for together: those that lie next to each other are then read in one go. */
const chunksAtOnce = 64;

export interface VerifiedChunk {
  readonly id: ChunkId;
  readonly storedBytes: number;
  /** undefined if it is not intact. */
  plainLength: number | undefined;
}

interface PackedChunk {
  readonly chunk: VerifiedChunk;
  readonly location: PackLocation;
}

interface VerifiedWindow {
  /** In the order of the index. */
  readonly chunks: readonly VerifiedChunk[];
  /** Keys out of which no id can be told. */
  readonly idsLost: number;
}

/** @returns the plain length of a chunk that is intact */
export type Check = (
  id: ChunkId,
  stored: StoredChunk | undefined,
  storedBytes: number,
) => Promise<number | undefined>;

/**
 * Checks the chunks among `entries`, all of them.
 * @param bytesMax - stored bytes with which a window is full
 */
export async function* windowsOf(
  entries: AsyncIterable<readonly [Uint8Array, Uint8Array]>,
  bytesMax: number,
  check: Check,
): AsyncGenerator<VerifiedWindow> {
  let window = new Window(check);
  for await (const [key, value] of entries) {
    await window.add(key, value);
    if (window.count < windowChunksMax && window.bytes < bytesMax) continue;
    yield await window.finish();
    window = new Window(check);
  }
  yield await window.finish();
}

class Window {
  private readonly chunks: VerifiedChunk[] = [];
  private readonly packed: PackedChunk[] = [];
  /** Of what is stored. */
  bytes = 0;
  private idsLost = 0;

  constructor(private readonly check: Check) {}

  get count(): number {
    return this.chunks.length;
  }

  /** What lies in its value is checked at once. */
  async add(key: Uint8Array, value: Uint8Array): Promise<void> {
    const id = chunkIdOfKey(key);
    if (id === undefined) {
      this.idsLost += 1;
      return;
    }
    const stored = unsealChunk(key, value);
    const chunk: VerifiedChunk = { id, storedBytes: storedBytesOf(stored, value), plainLength: undefined };
    this.chunks.push(chunk);
    this.bytes += chunk.storedBytes;
    if (stored?.kind === 'packed') this.packed.push({ chunk, location: stored.location });
    else chunk.plainLength = await this.check(id, stored, chunk.storedBytes);
  }

  async finish(): Promise<VerifiedWindow> {
    this.packed.sort((a, b) => inPlaceOrder(a.location, b.location));
    for (let next = 0; next < this.packed.length; next += chunksAtOnce) {
      const some = this.packed.slice(next, next + chunksAtOnce);
      await Promise.all(some.map((packed) => this.checkPacked(packed)));
    }
    return { chunks: this.chunks, idsLost: this.idsLost };
  }

  private async checkPacked({ chunk, location }: PackedChunk): Promise<void> {
    chunk.plainLength = await this.check(chunk.id, { kind: 'packed', location }, chunk.storedBytes);
  }
}
