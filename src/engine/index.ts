/**
 * How V8 is to run the program. What Node starts a process or a thread with imports this before anything else, as the flags
 * and the code cache count for what is loaded after them.
 */
import { isMainThread } from 'node:worker_threads';
import { useCodeCache } from './code-cache.js';
import { setEngineFlags } from './flags.js';

if (isMainThread) setEngineFlags(); // those of the process
useCodeCache();
