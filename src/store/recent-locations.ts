/**
 * Where the chunks lie that were put lately: what was just taken in is soon read again, for a peer or for a file, and
 * a look-up in the database costs more than reading the record. A memory of what was written, never a source of
 * truth: the record that is read says itself which chunk it is.
 *
 * A table of numbers, in which a chunk takes the place of an earlier one: each is noted, and few are asked for, so that
 * objects that live on until others take their place would cost the collector more than they save.
 */
import { type ChunkId, chunkIdWord } from '../chunking/index.js';
import type { PackLocation, RecordCodec } from './pack-location.js';

/** About 4 GiB of large chunks; 2.3 MiB of memory. A power of two. */
const rows = 65_536;

/** The words of a row: two of the id, by which it is told from others; then the location. */
const column = {
  tag: 0,
  secondTag: 1,
  codec: 2,
  pack: 3,
  offset: 4,
  plainLength: 5,
  encodedLength: 6,
  storedBytes: 7,
  within: 8,
} as const;
const columns = Object.keys(column).length;

/** By their number, which is never 0: that is the one of an empty row. */
const codecs: readonly (RecordCodec | undefined)[] = [undefined, 'raw', 'zstd', 'bundle', 'run'];

export class RecentLocations {
  readonly #table = new Uint32Array(rows * columns);

  get(id: ChunkId): PackLocation | undefined {
    const row = rowOf(id);
    const codec = codecs[this.#table[row + column.codec] as number];
    if (codec === undefined || !this.#isOf(row, id)) return undefined;
    const word = (at: number): number => this.#table[row + at] as number;
    return {
      pack: word(column.pack),
      offset: word(column.offset),
      codec,
      plainLength: word(column.plainLength),
      encodedLength: word(column.encodedLength),
      storedBytes: word(column.storedBytes),
      within: word(column.within),
    };
  }

  note(id: ChunkId, location: PackLocation): void {
    const table = this.#table;
    const row = rowOf(id);
    table[row + column.tag] = chunkIdWord(id, 3);
    table[row + column.secondTag] = chunkIdWord(id, 4);
    table[row + column.codec] = codecs.indexOf(location.codec);
    table[row + column.pack] = location.pack;
    table[row + column.offset] = location.offset;
    table[row + column.plainLength] = location.plainLength;
    table[row + column.encodedLength] = location.encodedLength;
    table[row + column.storedBytes] = location.storedBytes;
    table[row + column.within] = location.within;
  }

  forget(id: ChunkId): void {
    const row = rowOf(id);
    if (this.#isOf(row, id)) this.#table[row + column.codec] = 0;
  }

  #isOf(row: number, id: ChunkId): boolean {
    return (
      this.#table[row + column.tag] === chunkIdWord(id, 3) &&
      this.#table[row + column.secondTag] === chunkIdWord(id, 4)
    );
  }
}

/** Where the row begins that a chunk has: ids are hashes, so any word of one will do. */
function rowOf(id: ChunkId): number {
  return (chunkIdWord(id, 2) % rows) * columns;
}
