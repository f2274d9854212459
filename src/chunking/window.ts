/**
 * Windows: the pieces of WebAssembly memory that file bytes are read into and cut in, without a copy between.
 *
 * A window lies where its user says, in memory of its own (`windowAt`), or is opened and closed: one memory is reserved
 * for all of those in this thread, and its size is the bound. The window given back last is taken first, so whoever splits
 * one file at a time pays for one. Whoever opens a window closes it once, and uses none of its bytes afterwards.
 */
import assert from 'node:assert';
import { Buffer } from 'node:buffer';
import { ShoalError } from '../error.js';
import { chunkBytesMax, chunkBytesMin } from './chunk-size.js';
import { mincdcWasmBase64 } from './mincdc-wasm.js';
import type { ChunkingParameters } from './parameters.js';
import { type SharedMemory, sharedMemory } from './shared-memory.js';

/** Cutting runs from the processor's cache: 7.7 GB/s in 2 MiB, 6.1 in 8 MiB, 2.2 in 64 MiB. */
export const windowBytes = 4 * 1024 * 1024;
/** Streams that may be split at one time. */
export const windowsMax = 32;

/** The exports of assembly/mincdc.ts. */
interface Mincdc {
  firstChunk(
    start: number,
    length: number,
    cutMin: number,
    cutMax: number,
    multiplier: number,
    addend: number,
  ): number;
}

/** The part of the WebAssembly API that is used: Node has it, the types of its version do not. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { exports: unknown };
};

export interface Window {
  /** All `windowBytes` of it; they hold what the last user left. */
  readonly bytes: Uint8Array;
  /**
   * Length of the first chunk of the bytes from `start` to `end`.
   * @param end - the end of the input, or at least `chunkBytesMax` after `start`
   * @returns bytes, between `chunkBytesMin` and `chunkBytesMax`; shorter only if all the rest is
   */
  firstChunk(start: number, end: number, parameters: ChunkingParameters): number;
}

let module: object | undefined;

function cutterOf(memory: SharedMemory): Mincdc {
  module ??= new WebAssembly.Module(Buffer.from(mincdcWasmBase64, 'base64'));
  return new WebAssembly.Instance(module, { env: { memory } }).exports as Mincdc;
}

const cutters = new WeakMap<SharedMemory, Mincdc>();

/** The `windowBytes` of `memory` from `address` on as a window. Nobody else may use them meanwhile. */
export function windowAt(memory: SharedMemory, address: number): Window {
  const cutter = cutters.get(memory) ?? cutterOf(memory);
  cutters.set(memory, cutter);
  return {
    bytes: new Uint8Array(memory.buffer, address, windowBytes),
    firstChunk: (start, end, { multiplier, addend }) => {
      assert(0 <= start && start < end && end <= windowBytes, 'The bytes to cut lie in the window.');
      return cutter.firstChunk(
        address + start,
        end - start,
        chunkBytesMin,
        chunkBytesMax,
        multiplier,
        addend,
      );
    },
  };
}

class Arena {
  readonly #memory = sharedMemory(windowsMax * windowBytes);
  readonly #idle: Window[] = [];
  readonly #open = new Set<Window>();

  open(): Window {
    const window = this.#idle.pop() ?? this.#next();
    this.#open.add(window);
    return window;
  }

  close(window: Window): void {
    assert(this.#open.delete(window), 'A window is closed once.');
    this.#idle.push(window);
  }

  #next(): Window {
    // Nothing is idle, so all windows made so far are open.
    const index = this.#open.size;
    if (index === windowsMax) {
      throw new ShoalError(
        'LIMIT',
        `At most ${windowsMax} files can be split at one time; finish one first.`,
        {
          data: { windowsMax },
        },
      );
    }
    return windowAt(this.#memory, index * windowBytes);
  }
}

/**
 * Lengths of the chunks of the bytes from `start` to `end`, in order.
 * @param isEnd - whether the input ends at `end`; if not, the rest (under `chunkBytesMax`) is left uncut
 */
export function cutWindow(
  window: Window,
  { start, end, isEnd }: { start: number; end: number; isEnd: boolean },
  parameters: ChunkingParameters,
): number[] {
  const lengths: number[] = [];
  for (let at = start; end - at >= (isEnd ? 1 : chunkBytesMax); ) {
    const length = window.firstChunk(at, end, parameters);
    lengths.push(length);
    at += length;
  }
  return lengths;
}

let arena: Arena | undefined;

/** @throws ShoalError LIMIT if `windowsMax` are open */
export function openWindow(): Window {
  arena ??= new Arena();
  return arena.open();
}

export function closeWindow(window: Window): void {
  assert(arena, 'A window is opened before it is closed.');
  arena.close(window);
}
