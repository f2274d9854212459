/**
 * A set of chunk ids as a Bloom filter: memory is bounded however many there are. An id that was added is always there. One
 * that was not added seems to be with a probability of 1 in 1,700 at 16 bits an id (up to 33 million ids), 1 in 40 at 8
 * bits; another filter has another `seed`, and other errors. All bits of an id lie in one page of memory: what is looked for
 * where nothing was for long is one page away, not eight.
 */
import { randomBytes } from 'node:crypto';
import { type ChunkId, chunkIdWord } from '../chunking/index.js';

const bitsPerIdMin = 16;
/** For a bit's place in its page of memory, of 4 KiB. */
const pageMask = 2 ** 15 - 1;
/** Bits set for an id. The best number for 11 bits an id, and hardly worse than the best at 8 and at 16. */
const probes = 8;
const bitsMin = 2 ** 16;
/** 64 MiB. */
const bitsMax = 2 ** 29;

export class IdFilter {
  readonly #bits: Uint8Array;
  readonly #mask: number;
  readonly #seed: number;

  /**
   * @param ids - how many are expected; more can be added, at a price in errors
   * @param seed - u32
   */
  constructor(ids: number, seed: number = randomBytes(4).readUInt32LE()) {
    let bits = bitsMin;
    while (bits < ids * bitsPerIdMin && bits < bitsMax) bits *= 2;
    this.#bits = new Uint8Array(bits / 8);
    this.#mask = bits - 1;
    this.#seed = seed;
  }

  get bytes(): number {
    return this.#bits.length;
  }

  add(id: ChunkId): void {
    const first = this.#firstOf(id);
    const step = this.#stepOf(id);
    for (let probe = 0; probe < probes; probe++) {
      const bit = bitOf(first, probe, step);
      this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }

  has(id: ChunkId): boolean {
    const first = this.#firstOf(id);
    // Of those that were not added nearly all are told here.
    if (((this.#bits[first >>> 3] ?? 0) & (1 << (first & 7))) === 0) return false;
    const step = this.#stepOf(id);
    for (let probe = 1; probe < probes; probe++) {
      const bit = bitOf(first, probe, step);
      if (((this.#bits[bit >>> 3] ?? 0) & (1 << (bit & 7))) === 0) return false;
    }
    return true;
  }

  /** The first bit of `id`. Ids are hashes already: a word of one, mixed with the seed, is as good as another hash. */
  #firstOf(id: ChunkId): number {
    const first = Math.imul(chunkIdWord(id, 0) ^ this.#seed, 0x9e3779b1);
    return (first ^ (first >>> 15)) & this.#mask;
  }

  /** How far apart its bits are: odd, so that all of them differ. */
  #stepOf(id: ChunkId): number {
    return Math.imul(chunkIdWord(id, 1) ^ this.#seed, 0x85ebca6b) | 1;
  }
}

/** A later bit lies in the page of the first one. */
function bitOf(first: number, probe: number, step: number): number {
  return (first & ~pageMask) | ((first + Math.imul(probe, step)) & pageMask);
}
