/**
 * One job of an ingest: pieces of files are read into a window, cut, hashed, and then, for the chunks that the store
 * asks for, encoded. The same code runs in a worker thread and, for a few files, in this one.
 *
 * Two phases, so that what the store has is never compressed: the reading tells the ids, the answer says which chunks
 * are wanted.
 */
import {
  type ChunkingParameters,
  type Codec,
  chunkBytesMin,
  chunkIdBytes,
  closeWindow,
  cutWindow,
  encodeChunkInto,
  hashBytes,
  openWindow,
  type Window,
  windowBytes,
} from '../chunking/index.js';
import type { FileReader, FileStat, Piece, PieceRead } from '../folder/index.js';
import { frameBytes, frameChunk } from '../store/index.js';

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

/** The first phase. */
export interface JobRead {
  /** One for each piece. */
  readonly pieces: readonly PieceCut[];
  /** Of all chunks, one behind another, 32 bytes each. */
  readonly ids: Uint8Array;
}

/** The second phase: the records of the wanted chunks, in order, lie one behind another in the memory that was given. */
export interface JobEncoded {
  readonly codecs: readonly Codec[];
  /** Of the encoded chunks, without the headers of their records. */
  readonly lengths: readonly number[];
}

/** Memory that takes the records of any job: every chunk of a window, not one of them compressible. */
export const jobMemoryBytes = windowBytes + (windowBytes / chunkBytesMin + filesPerJobMax) * frameBytes;

/** A job under way. Must be ended by `encode` or by `abandon`. */
export class RunningJob {
  readonly #window: Window;
  /** Begin and length of each chunk in the window. */
  readonly #chunks: { readonly start: number; readonly length: number }[] = [];
  readonly read: JobRead;

  constructor(reader: FileReader, parameters: ChunkingParameters, job: Job) {
    this.#window = openWindow();
    try {
      this.read = this.#read(reader, parameters, job);
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /**
   * @param wanted - a byte for each chunk: 0 if it is not
   * @param memory - `jobMemoryBytes` that take the records
   */
  encode(wanted: Uint8Array, memory: Uint8Array): JobEncoded {
    try {
      const codecs: Codec[] = [];
      const lengths: number[] = [];
      let used = 0;
      for (const [index, { start, length: plainLength }] of this.#chunks.entries()) {
        if (wanted[index] === 0) continue;
        used += frameBytes;
        const plain = this.#window.bytes.subarray(start, start + plainLength);
        const { codec, length } = encodeChunkInto(plain, memory.subarray(used), codecs.at(-1));
        const bytes = memory.subarray(used, used + length);
        frameChunk(this.read.ids.subarray(index * chunkIdBytes, (index + 1) * chunkIdBytes), {
          codec,
          plainLength,
          bytes,
        });
        codecs.push(codec);
        lengths.push(length);
        used += length;
      }
      return { codecs, lengths };
    } finally {
      this.abandon();
    }
  }

  abandon(): void {
    closeWindow(this.#window);
  }

  #read(reader: FileReader, parameters: ChunkingParameters, job: Job): JobRead {
    let start = 0;
    const pieces = reader.read(job, this.#window.bytes).map((piece): PieceCut => {
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
    const ids = new Uint8Array(this.#chunks.length * chunkIdBytes);
    for (const [index, chunk] of this.#chunks.entries()) {
      const plain = this.#window.bytes.subarray(chunk.start, chunk.start + chunk.length);
      ids.set(hashBytes(plain), index * chunkIdBytes);
    }
    return { pieces, ids };
  }
}
