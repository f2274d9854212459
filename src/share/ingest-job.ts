/**
 * One job of an ingest: pieces of files are read into a window, cut, hashed, and then, for the chunks that the store
 * asks for, encoded. The same code runs in a worker thread and, for a few files, in this one.
 *
 * Three phases: the cuts, which say where the next job of a long file begins; the ids; and, when the answer has come
 * which chunks are wanted, their records. So a long file keeps several threads busy, and what the store has is never
 * compressed.
 */
import {
  type ChunkingParameters,
  chunkBytesMin,
  chunkIdBytes,
  closeWindow,
  cutWindow,
  hashBytes,
  openWindow,
  type Window,
  windowBytes,
} from '../chunking/index.js';
import type { FileReader, FileStat, Piece, PieceRead } from '../folder/index.js';
import { RecordMaker, type RecordsMade, recordsBytesMax } from '../store/index.js';

/** Files that share a job. */
export const filesPerJobMax = 256;

/** Pieces that fit into one window together; a long file's piece is what fits. */
export type Job = readonly Piece[];

/** What became of a piece. `lengths` are its chunks'; of a piece that does not end its file the last bytes are left uncut. */
export type PieceCut =
  | {
      readonly outcome: 'read';
      readonly stat: FileStat;
      readonly lengths: readonly number[];
      readonly isEnd: boolean;
    }
  | Exclude<PieceRead, { readonly outcome: 'read' }>;

/** Memory that takes the records of any job: every chunk of a window, not one of them compressible. */
export const jobMemoryBytes = recordsBytesMax(windowBytes, windowBytes / chunkBytesMin + filesPerJobMax);

/** A job under way. Must be ended by `encode` or by `abandon`. */
export class RunningJob {
  readonly #window: Window;
  /** Begin and length of each chunk in the window. */
  readonly #chunks: { readonly start: number; readonly length: number }[] = [];
  /** One for each piece. */
  readonly pieces: readonly PieceCut[];
  #ids = new Uint8Array(0);

  constructor(reader: FileReader, parameters: ChunkingParameters, job: Job) {
    this.#window = openWindow();
    try {
      this.pieces = this.#cut(reader, parameters, job);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** The ids of all chunks, one behind another, 32 bytes each. */
  hash(): Uint8Array {
    this.#ids = new Uint8Array(this.#chunks.length * chunkIdBytes);
    for (const [index, { start, length }] of this.#chunks.entries())
      this.#ids.set(hashBytes(this.#window.bytes.subarray(start, start + length)), index * chunkIdBytes);
    return this.#ids;
  }

  /**
   * Call after `hash`.
   * @param wanted - a byte for each chunk: 0 if it is not
   * @param memory - `jobMemoryBytes` that take the records
   */
  encode(wanted: Uint8Array, memory: Uint8Array): RecordsMade {
    try {
      const maker = new RecordMaker(this.#window.bytes, memory);
      for (const [index, { start, length }] of this.#chunks.entries()) {
        const id = this.#ids.subarray(index * chunkIdBytes, (index + 1) * chunkIdBytes);
        if (wanted[index] !== 0) maker.add(id, start, length);
      }
      return maker.finish();
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    closeWindow(this.#window);
  }

  #cut(reader: FileReader, parameters: ChunkingParameters, job: Job): PieceCut[] {
    let start = 0;
    return reader.read(job, this.#window.bytes).map((piece): PieceCut => {
      if (piece.outcome !== 'read') return piece;
      const { stat, isEnd } = piece;
      const end = start + piece.bytes;
      const lengths = cutWindow(this.#window, { start, end, isEnd }, parameters);
      for (const length of lengths) {
        this.#chunks.push({ start, length });
        start += length;
      }
      start = end;
      return { outcome: 'read', stat, lengths, isEnd };
    });
  }
}
