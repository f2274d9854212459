/**
 * How V8 is to run the program. What Node starts a process or a thread with imports this before anything else, as the code
 * cache counts for what is loaded after it.
 */
import { useCodeCache } from './code-cache.js';

export { claimEngine, tuneEngine } from './flags.js';

useCodeCache();
