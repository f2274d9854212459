/** Bytes that look random and are the same on every machine: what the other tests of this room cut and compress. */

/** A stream of u32 that depends on `seed` alone (xorshift32; period 2^32 - 1, ample here). */
export function seededNumbers(seed: number): () => number {
  // The generator cannot leave 0, and nearby seeds must not begin alike.
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

export function seededBytes(seed: number, lengthBytes: number): Uint8Array {
  const next = seededNumbers(seed);
  const words = Uint32Array.from({ length: Math.ceil(lengthBytes / 4) }, next);
  return new Uint8Array(words.buffer, 0, lengthBytes);
}
