/** What a sweep and the emptying of packs work on. */
import type { ChunkId } from '../chunking/index.js';
import type { ChunkWriter } from './chunk-writer.js';
import type { Database } from './database.js';
import type { Packs } from './packs.js';

export interface SweepParts {
  readonly database: Database;
  readonly packs: Packs;
  readonly writer: ChunkWriter;
  /** Runs a step in the order of writes; nothing else is written meanwhile. */
  readonly step: (run: () => Promise<void>) => Promise<void>;
  /** Reads a chunk, hashes it, and reports it if it is damaged. @returns whether it is intact */
  readonly check: (id: ChunkId) => Promise<boolean>;
}
