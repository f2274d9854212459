/**
 * Frames in a byte stream: u32 little-endian length, then that many bytes. Pieces are copied once, into the frame
 * they belong to; a length out of bounds is rejected before anything is allocated (HAZARDS 39).
 */
import { ShoalError } from '../error.js';

export const frameHeaderBytes = 4;

export class FrameDecoder {
  /** Frames longer than this are rejected. */
  bytesMax: number;
  readonly #header = new Uint8Array(frameHeaderBytes);
  #headerBytes = 0;
  /** The frame that is being filled, and how far. */
  #frame: Uint8Array | undefined;
  #frameBytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /**
   * The frames that `bytes` completes, in order; each is the caller's to keep. The caller takes them all, or drops
   * the decoder.
   * @param bytes - the next piece of the stream, of any length; not kept
   * @throws ShoalError MALFORMED for a length that is zero or over `bytesMax`
   */
  *decode(bytes: Uint8Array): Generator<Uint8Array, void> {
    let at = 0;
    while (at < bytes.length) {
      if (this.#frame === undefined) {
        at += this.#fillHeader(bytes, at);
        if (this.#headerBytes < frameHeaderBytes) return;
        this.#frame = this.#allocate();
      }
      const part = bytes.subarray(at, at + this.#frame.length - this.#frameBytes);
      this.#frame.set(part, this.#frameBytes);
      this.#frameBytes += part.length;
      at += part.length;
      if (this.#frameBytes < this.#frame.length) return;
      const frame = this.#frame;
      this.#frame = undefined;
      this.#frameBytes = 0;
      this.#headerBytes = 0;
      yield frame;
    }
  }

  #fillHeader(bytes: Uint8Array, at: number): number {
    const part = bytes.subarray(at, at + frameHeaderBytes - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    return part.length;
  }

  #allocate(): Uint8Array {
    const length = readFrameLength(this.#header);
    if (length === 0 || length > this.bytesMax) {
      throw new ShoalError(
        'MALFORMED',
        `a frame of ${length} bytes, where 1 to ${this.bytesMax} are allowed`,
      );
    }
    return new Uint8Array(length);
  }
}

/** The header that goes before a frame of `length` bytes. */
export function frameHeader(length: number): Uint8Array {
  const header = new Uint8Array(frameHeaderBytes);
  new DataView(header.buffer).setUint32(0, length, true);
  return header;
}

function readFrameLength(header: Uint8Array): number {
  return new DataView(header.buffer, header.byteOffset).getUint32(0, true);
}
