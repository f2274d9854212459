/** `node:crypto` whose random bytes depend on a seed, so that a scenario writes the same bytes each time it is run. */
import { seededBytes } from '../../chunking/seeded-bytes.js';

const real = process.getBuiltinModule('node:crypto');
let drawn = 0;

/** Begins again. */
export function seedCrypto(seed: number): void {
  drawn = seed * 1_000_003;
}

const seeded = {
  ...real,
  randomBytes: (length: number): Buffer => Buffer.from(seededBytes(++drawn, length)),
};

/** For `vi.mock('node:crypto', ...)`. */
export const seededCrypto = { ...seeded, default: seeded };
