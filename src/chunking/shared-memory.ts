/**
 * Memory that all threads and WebAssembly work on, so that nothing is copied from one to the other. It begins at a page of
 * the system, and pages that nobody has touched cost nothing.
 */

const wasmPageBytes = 64 * 1024;

/** Is shared, not copied, when it is sent to a thread. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** The part of the WebAssembly API that is used: Node has it, the types of its version do not. */
declare const WebAssembly: {
  Memory: new (limits: { initial: number; maximum: number; shared: true }) => SharedMemory;
};

const buffers = new WeakSet<ArrayBufferLike>();

/** @param bytes - rounded up to 64 KiB; all zeros */
export function sharedMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / wasmPageBytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  buffers.add(memory.buffer);
  return memory;
}

/** Whether `buffer` is that of a memory that was made in this thread: so it begins at a page. */
export function beginsAtPage(buffer: ArrayBufferLike): boolean {
  return buffers.has(buffer);
}
