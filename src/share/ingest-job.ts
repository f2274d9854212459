/**
 * One job of an ingest: pieces of files are read into a window, cut, hashed, and then, for the chunks that the store
 * asks for, encoded, in the memory of the window. The same code runs in a worker thread and, for a few files, in this one.
 *
 * Three phases: the cuts, which say where the next job of a long file begins; the ids; and, when the answer has come
 * which chunks are wanted, their records. So a long file keeps several threads busy, and what the store has is never
 * compressed.
 */
import {
  type ChunkingParameters,
  chunkBytesMin,
  chunkIdBytes,
  cutWindow,
  hashBytes,
  type SharedMemory,
  type Window,
  windowAt,
  windowBytes,
} from '../chunking/index.js';
import {
  decodeFileStat,
  type FileReader,
  fileStatBytes,
  type Piece,
  type PieceRead,
} from '../folder/index.js';
import type { RelPath } from '../manifest/index.js';
import { RecordMaker, type RecordsMade, recordRoomBytes } from '../store/index.js';
import { type PiecesCut, packPieces } from './pieces-cut.js';

/** Files that share a job. */
export const filesPerJobMax = 256;

/** Files that fit into one window together, or as much of a long file as fits. */
export interface Job {
  readonly paths: readonly RelPath[];
  /** Where the reading of the first one begins, in bytes. */
  readonly from: number;
  /** Encoded stats of all, as they were found, if they are read from their beginning. */
  readonly found?: Uint8Array;
}

/** For the records of any job: every chunk of a window, not one of them compressible. */
const roomBytes = recordRoomBytes(windowBytes / chunkBytesMin + filesPerJobMax);
export const jobMemoryBytes = roomBytes + windowBytes;

/** Where a job is done: `jobMemoryBytes` that nobody else uses, as long as its records are needed. */
export interface JobMemory {
  readonly memory: SharedMemory;
  readonly address: number;
}

export function bytesOf({ memory, address }: JobMemory): Uint8Array {
  return new Uint8Array(memory.buffer, address, jobMemoryBytes);
}

/** In a window. */
interface ChunkPlace {
  readonly start: number;
  readonly length: number;
}

/** A job under way. */
export class RunningJob {
  readonly #memory: Uint8Array;
  readonly #window: Window;
  readonly #chunks: ChunkPlace[] = [];
  readonly pieces: PiecesCut;
  #ids = new Uint8Array(0);

  constructor(reader: FileReader, parameters: ChunkingParameters, job: Job, place: JobMemory) {
    this.#memory = bytesOf(place);
    this.#window = windowAt(place.memory, place.address + roomBytes);
    this.pieces = this.#cut(reader, parameters, job);
  }

  /** The ids of all chunks, one behind another, 32 bytes each. */
  hash(): Uint8Array {
    this.#ids = new Uint8Array(this.#chunks.length * chunkIdBytes);
    let at = 0;
    for (const { start, length } of this.#chunks) {
      this.#ids.set(hashBytes(this.#window.bytes.subarray(start, start + length)), at);
      at += chunkIdBytes;
    }
    return this.#ids;
  }

  /**
   * Call after `hash`, once: the records take the place of the chunks.
   * @param wanted - a byte for each chunk: 0 if it is not
   * @returns records in the memory of the job
   */
  encode(wanted: Uint8Array): RecordsMade {
    const maker = new RecordMaker(this.#memory, roomBytes);
    for (let index = 0; index < this.#chunks.length; index++) {
      if (wanted[index] === 0) continue;
      const { start, length } = this.#chunks[index] as ChunkPlace;
      maker.add(this.#ids.subarray(index * chunkIdBytes, (index + 1) * chunkIdBytes), start, length);
    }
    return maker.finish();
  }

  #cut(reader: FileReader, parameters: ChunkingParameters, job: Job): PiecesCut {
    const pieces = reader.read(piecesOf(job), this.#window.bytes);
    const counts = new Uint32Array(pieces.length);
    let start = 0;
    for (let index = 0; index < pieces.length; index++) {
      const piece = pieces[index] as PieceRead;
      if (!('bytes' in piece)) continue;
      const end = start + piece.bytes;
      const isEnd = piece.outcome === 'as-found' || piece.isEnd;
      const lengths = cutWindow(this.#window, { start, end, isEnd }, parameters);
      for (const length of lengths) {
        this.#chunks.push({ start, length });
        start += length;
      }
      start = end;
      counts[index] = lengths.length;
    }
    const lengths = new Uint32Array(this.#chunks.length);
    for (let index = 0; index < lengths.length; index++)
      lengths[index] = (this.#chunks[index] as ChunkPlace).length;
    return packPieces(pieces, counts, lengths);
  }
}

function piecesOf({ paths, from, found }: Job): Piece[] {
  const view = found && new DataView(found.buffer, found.byteOffset, found.length);
  return paths.map((path, index) => ({
    path,
    from: index === 0 ? from : 0,
    found: view && decodeFileStat(view, index * fileStatBytes),
  }));
}
