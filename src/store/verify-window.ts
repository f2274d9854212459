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
/** Places that are asked for together: those that lie next to each other are then read in one go. Bundles there: 16 MiB. */
const placesAtOnce = 64;

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

/** Chunks that are read together: all of a bundle that a window has, or a single one. */
interface Place {
  readonly chunks: VerifiedChunk[];
  readonly location: PackLocation;
}

interface VerifiedWindow {
  /** In the order of the index. */
  readonly chunks: readonly VerifiedChunk[];
  /** Keys out of which no id can be told. */
  readonly idsLost: number;
}

/** @returns for each of `chunks`, which are stored together, the plain length if it is intact */
export type Check = (
  chunks: readonly VerifiedChunk[],
  stored: StoredChunk | undefined,
) => Promise<readonly (number | undefined)[]>;

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
    else await this.checkTogether([chunk], stored);
  }

  async finish(): Promise<VerifiedWindow> {
    this.packed.sort((a, b) => inPlaceOrder(a.location, b.location));
    const places = placesOf(this.packed);
    for (let next = 0; next < places.length; next += placesAtOnce) {
      const some = places.slice(next, next + placesAtOnce);
      await Promise.all(
        some.map(({ chunks, location }) => this.checkTogether(chunks, { kind: 'packed', location })),
      );
    }
    return { chunks: this.chunks, idsLost: this.idsLost };
  }

  private async checkTogether(
    chunks: readonly VerifiedChunk[],
    stored: StoredChunk | undefined,
  ): Promise<void> {
    const lengths = await this.check(chunks, stored);
    for (const [index, chunk] of chunks.entries()) chunk.plainLength = lengths[index];
  }
}

/** @param packed - in the order of their places */
function placesOf(packed: readonly PackedChunk[]): Place[] {
  const places: Place[] = [];
  for (const { chunk, location } of packed) {
    const last = places.at(-1);
    if (last !== undefined && isSameBundle(last.location, location)) last.chunks.push(chunk);
    else places.push({ chunks: [chunk], location });
  }
  return places;
}

function isSameBundle(a: PackLocation, b: PackLocation): boolean {
  if (a.codec !== 'bundle' || b.codec !== 'bundle') return false;
  return a.pack === b.pack && a.offset === b.offset && a.encodedLength === b.encodedLength;
}
