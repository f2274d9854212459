/**
 * What a scan saw that left nothing open: all of the folder, as digests of what its walk found, some thousand things at a
 * time. What has one of these digests again, while the tree and the stat records are those of then, would again be found
 * the same in everything that a scan compares: so it need not be compared.
 *
 * The record holds only as long as nothing it rests on changes. It names the root; and whatever changes a stat record or an
 * entry takes it away, in the same batch (replica.ts). One that is damaged is as good as none.
 */
import { type ChunkId, chunkIdBytes, hashBytes } from '../chunking/index.js';
import { isShoalError } from '../error.js';
import type { FoundBatch, IgnoreRules } from '../folder/index.js';
import type { RelPath } from '../manifest/index.js';
import { decodeSeen, encodeSeen, seenKey } from './records.js';
import type { Replica } from './replica.js';

/** From so many batches on, a folder is worth another thread that walks a half of it. */
const dividedBatchesMin = 4;

export class Seen {
  /** The place of each batch in the folder's order, by its digest. */
  readonly #ordinals = new Map<string, number>();
  /** Where two walks may divide the folder: between two batches. */
  readonly middle: RelPath | undefined;

  private constructor(digests: Uint8Array, middle: RelPath | undefined) {
    for (let at = 0; at < digests.length; at += chunkIdBytes)
      this.#ordinals.set(textOf(digests.subarray(at, at + chunkIdBytes)), at / chunkIdBytes);
    this.middle = middle;
  }

  /** What was seen last of the folder, if that still holds under these rules. */
  static async load(replica: Replica, ignore: IgnoreRules): Promise<Seen | undefined> {
    try {
      const bytes = await replica.store.getRecord('seen', seenKey);
      if (bytes === undefined) return undefined;
      const { root, rules, middle, digests } = decodeSeen(bytes);
      if (root !== replica.root || Buffer.compare(rules, rulesOf(ignore)) !== 0) return undefined;
      return new Seen(digests, middle);
    } catch (error) {
      if (isShoalError(error, 'STORE_DAMAGED')) return undefined;
      throw error;
    }
  }

  /** How many batches there were. */
  get count(): number {
    return this.#ordinals.size;
  }

  /** Where `batch` stood among them; undefined if it is not the same as any of them. */
  ordinalOf(batch: FoundBatch): number | undefined {
    return this.#ordinals.get(textOf(batch.digest));
  }
}

/** Collects what a walk of all of the folder sees. */
export class Sight {
  readonly #digests: Uint8Array[] = [];
  readonly #ends: RelPath[] = [];
  /** Whether there was nothing that a scan could not take in. */
  isClear = true;

  add(batch: FoundBatch): void {
    const end = batch.lastPath;
    if (end === undefined) this.isClear = false;
    else this.#ends.push(ownText(end));
    this.#digests.push(batch.digest);
  }

  /** @param root - the tree that has all that was seen, and nothing else */
  encode(root: ChunkId, ignore: IgnoreRules): Uint8Array {
    const count = this.#digests.length;
    const middle = count < dividedBatchesMin ? undefined : this.#ends[(count >> 1) - 1];
    return encodeSeen({ root, rules: rulesOf(ignore), middle, digests: Buffer.concat(this.#digests) });
  }
}

/** The same text in memory of its own: a path out of a batch keeps all paths of the batch in memory. */
function ownText(path: RelPath): RelPath {
  return Buffer.from(path).toString() as RelPath;
}

function rulesOf(ignore: IgnoreRules): Uint8Array {
  return hashBytes(Buffer.from(ignore.text));
}

function textOf(digest: Uint8Array): string {
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length).toString('latin1');
}
