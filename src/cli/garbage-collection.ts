/**
 * How V8 collects garbage while chunks go through. Every 64 MiB of buffers that come and go start a collection of a
 * heap that is only some 15 MiB large. Done incrementally and beside the program, as V8 does by default, it takes
 * several times the processor time of doing it in one go, which is a pause of about 10 ms: moving 650 MB between two
 * processes on two cores took 22.9 s and 39.6 CPU-seconds by default, 16.5 s and 26.6 in one go (docs/DECISIONS.md).
 */
import { setFlagsFromString } from 'node:v8';

/** To be called before anything is allocated in quantity. */
export function collectGarbageInOneGo(): void {
  setFlagsFromString('--no-incremental-marking');
  // A heap that may double before it is collected held 180 MB for 70 in use while a tree of 78,000 files was taken in.
  setFlagsFromString('--heap-growing-percent=40');
}
