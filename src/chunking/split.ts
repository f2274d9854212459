/**
 * Splitting: a stream of bytes becomes chunks, by content.
 *
 * Bytes are read straight into a window and yielded from it: nothing is copied but the rest (under `chunkBytesMax`)
 * that moves to the front when the window runs out. Where a cut falls depends on the bytes and the parameters alone,
 * never on how many bytes a read happens to return.
 */
import assert from 'node:assert';
import { ShoalError } from '../error.js';
import { chunkBytesMax } from './chunk-size.js';
import type { ChunkingParameters } from './parameters.js';
import { closeWindow, openWindow, type Window } from './window.js';

/**
 * Reads the next bytes of a stream into the front of `into`, and writes nothing into it after it has settled.
 * @param into - borrowed; at least 1 byte, usually megabytes
 * @returns how many bytes were read, fewer than there is room for if it likes; 0 at the end of the stream
 */
export type ReadInto = (into: Uint8Array) => Promise<number>;

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw new ShoalError('CANCELLED', 'Splitting a file was cancelled.', { cause: signal.reason });
  }
}

/** What lies in the window and was not yielded yet: bytes `start` to `end`. */
class Pending {
  start = 0;
  end = 0;
  ended = false;
  readonly #window: Window;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Reads until the next chunk can be cut: `chunkBytesMax` are there, or the stream has ended. */
  async fill(read: ReadInto, signal: AbortSignal | undefined): Promise<void> {
    if (this.ended || this.end - this.start >= chunkBytesMax) return;
    const { bytes } = this.#window;
    bytes.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    while (!this.ended && this.end < chunkBytesMax) {
      throwIfCancelled(signal);
      const room = bytes.subarray(this.end);
      const readBytes = await read(room);
      assert(
        Number.isInteger(readBytes) && readBytes >= 0 && readBytes <= room.length,
        'A read fits its room.',
      );
      this.end += readBytes;
      this.ended = readBytes === 0;
    }
  }
}

/**
 * Cuts what `read` returns into chunks, in order; their concatenation is the stream. An empty stream has none.
 * @param parameters - of the share, see `chunkingParametersOf`
 * @param signal - cancels between two reads: one in flight is awaited, because it writes into the window
 * @returns chunks of 1 to `chunkBytesMax` bytes. Each is borrowed: it is valid until the next one is asked for or the
 *   generator is closed. Its `buffer` is shared with other streams: copy the bytes before they go to another thread
 * @throws ShoalError CANCELLED if `signal` fires, LIMIT if too many streams are being split, and what `read` throws
 */
export async function* splitStream(
  read: ReadInto,
  parameters: ChunkingParameters,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfCancelled(signal);
  const window = openWindow();
  try {
    const pending = new Pending(window);
    for (;;) {
      await pending.fill(read, signal);
      throwIfCancelled(signal);
      if (pending.start === pending.end) return;
      const length = window.firstChunk(pending.start, pending.end, parameters);
      const chunk = window.bytes.subarray(pending.start, pending.start + length);
      pending.start += length;
      yield chunk;
    }
  } finally {
    closeWindow(window);
  }
}
