/**
 * Reads chunks out of packs, by themselves or out of bundles, and hashes them. Chunks that lie in one bundle are mostly
 * read one after another, so the bundles that were read last are kept, decoded.
 */
import { type ChunkId, chunkIdOf } from '../chunking/index.js';
import { bundleBytesMax } from './bundle.js';
import type { ChunkGroup } from './chunk-table.js';
import { type CheckedChunk, checkChunk, checkGrouped, type StoredChunk } from './chunk-value.js';
import type { PackLocation } from './pack-location.js';
import { chunkInRecord, groupInRecord, recordHeaderBytes } from './pack-record.js';
import type { Packs } from './packs.js';

/** Most bundles that are kept: 8 MiB, for as many files as are written at a time, or wanted by peers. */
const bundlesMax = 32;

export class ChunkReader {
  /** By their places, in the order of their last use. */
  private readonly bundles = new Map<string, Promise<ChunkGroup | undefined>>();
  /** Where bundles are decoded that are only checked. */
  private scratch: Uint8Array | undefined;

  constructor(private readonly packs: Packs) {}

  /** @returns undefined if the chunk `id` does not lie intact at `location` */
  async read(id: ChunkId, location: PackLocation): Promise<CheckedChunk | undefined> {
    if (location.codec === 'bundle') return checkGrouped(id, (await this.bundleAt(location))?.chunk(id));
    if (location.codec === 'run') return this.readOfRun(id, location);
    const record = await this.recordAt(location);
    const encoded = record && chunkInRecord(id, location, record);
    return encoded && checkChunk(id, encoded);
  }

  /** Reads `stored`, if it is in a pack, and hashes it. @returns undefined if the chunk `id` is not intact there */
  async check(id: ChunkId, stored: StoredChunk | undefined): Promise<CheckedChunk | undefined> {
    if (stored === undefined) return undefined;
    return stored.kind === 'inline' ? checkChunk(id, stored.encoded) : this.read(id, stored.location);
  }

  /**
   * Checks chunks that are stored together: a single one, or some of a bundle.
   * @returns for each of `ids` its plain length, or undefined if the chunk is not intact there
   */
  async plainLengths(
    ids: readonly ChunkId[],
    stored: StoredChunk | undefined,
  ): Promise<(number | undefined)[]> {
    if (stored?.kind === 'packed' && stored.location.codec === 'bundle')
      return this.plainLengthsIn(stored.location, ids);
    const chunks = await Promise.all(ids.map((id) => this.check(id, stored)));
    return chunks.map((chunk) => chunk?.plain.length);
  }

  /** Nothing of the bundle is kept: all that are only checked are decoded in one place. */
  private async plainLengthsIn(
    location: PackLocation,
    ids: readonly ChunkId[],
  ): Promise<(number | undefined)[]> {
    const record = await this.recordAt(location);
    this.scratch ??= new Uint8Array(bundleBytesMax);
    const bundle = record && groupInRecord(record, this.scratch); // at once: others will be decoded there
    return ids.map((id) => {
      const plain = bundle?.chunk(id);
      return plain !== undefined && chunkIdOf(plain) === id ? plain.length : undefined;
    });
  }

  private async readOfRun(
    id: ChunkId,
    { pack, offset, within, plainLength }: PackLocation,
  ): Promise<CheckedChunk | undefined> {
    const bytes = await this.packs.read({ pack, offset: offset + recordHeaderBytes + within }, plainLength);
    return bytes && checkChunk(id, { codec: 'raw', plainLength, bytes });
  }

  private bundleAt(location: PackLocation): Promise<ChunkGroup | undefined> {
    const place = `${location.pack}/${location.offset}`;
    const bundle = this.bundles.get(place) ?? this.readBundle(place, location);
    this.bundles.delete(place);
    this.bundles.set(place, bundle);
    const [oldest] = this.bundles.keys();
    if (this.bundles.size > bundlesMax && oldest !== undefined) this.bundles.delete(oldest);
    return bundle;
  }

  /** What cannot be read is not kept: it is looked at again. */
  private async readBundle(place: string, location: PackLocation): Promise<ChunkGroup | undefined> {
    let bundle: ChunkGroup | undefined;
    try {
      const record = await this.recordAt(location);
      bundle = record && groupInRecord(record);
      return bundle;
    } finally {
      if (bundle === undefined) this.bundles.delete(place);
    }
  }

  private recordAt(location: PackLocation): Promise<Uint8Array | undefined> {
    return this.packs.read(location, recordHeaderBytes + location.encodedLength);
  }
}
