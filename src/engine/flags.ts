/**
 * How V8 is to run a program whose work is done by the system, by native code and by WebAssembly, and whose heap is small
 * beside the buffers that go through it. All of it was measured: docs/DECISIONS.md.
 */
import { setFlagsFromString } from 'node:v8';

let isOurs = false;

/** Says that this process is the program's. One that Shoal is embedded in has an engine of its own. */
export function claimEngine(): void {
  isOurs = true;
}

/**
 * To be called when what the program needs has been loaded, and before anything is allocated in quantity, or run often: with
 * other flags than its own V8 takes neither the code cache of the program nor that of Node's modules.
 */
export function tuneEngine(): void {
  if (!isOurs) return;
  // Every 64 MiB of buffers that come and go start a collection of a heap that is only some 15 MiB large. Done
  // incrementally and beside the program, as V8 does by default, it takes several times the processor time of doing it in
  // one go, which is a pause of about 10 ms.
  setFlagsFromString('--no-incremental-marking');
  // A heap that may double before it is collected held 180 MB for 70 in use while a tree of 78,000 files was taken in.
  setFlagsFromString('--heap-growing-percent=40');
  // A command lives for seconds and runs in up to four isolates, each of which compiles what is called often for itself:
  // that was a seventh of the processor time of taking in 78,000 files. When functions take up less of others all of it takes
  // 6 % less; they run as fast, since loops over bytes are not theirs.
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=200');
}
