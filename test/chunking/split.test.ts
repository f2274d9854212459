/**
 * Shows that splitting loses no byte, depends on content alone, keeps edits local, holds at most one window for each
 * stream, and gives its window back however it ends.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  chunkBytesMax,
  chunkBytesMean,
  chunkBytesMin,
  chunkIdOf,
  chunkingParametersOf,
  type ReadInto,
  splitStream,
} from '../../src/chunking/index.js';
import { windowBytes, windowsMax } from '../../src/chunking/window.js';
import { referenceLengths } from './reference-mincdc.js';
import { seededBytes } from './seeded-bytes.js';

const parameters = chunkingParametersOf(new Uint8Array(32).fill(1));

/** Reads `bytes`, at most `pieceBytes()` at a time; fails if it is read again after its end. */
function reader(bytes: Uint8Array, pieceBytes: () => number = () => Number.POSITIVE_INFINITY): ReadInto {
  let at = 0;
  let ended = false;
  return async (into) => {
    expect(ended).toBe(false);
    expect(into.length).toBeGreaterThan(0);
    const part = bytes.subarray(at, at + Math.min(into.length, Math.max(1, pieceBytes())));
    into.set(part);
    at += part.length;
    ended = part.length === 0;
    return part.length;
  };
}

async function splitAll(read: ReadInto, using = parameters): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of splitStream(read, using)) chunks.push(chunk.slice());
  return chunks;
}

const lengthsOf = (chunks: Uint8Array[]) => chunks.map((chunk) => chunk.length);

/** Splits as many streams as there are windows, all at once: fails if one was not given back. */
async function expectAllWindowsFree(): Promise<void> {
  const streams = Array.from({ length: windowsMax }, () => splitStream(reader(Uint8Array.of(1)), parameters));
  const results = await Promise.allSettled(streams.map((stream) => stream.next()));
  await Promise.all(streams.map((stream) => stream.return()));
  expect(results.filter(({ status }) => status === 'rejected')).toEqual([]);
}

describe('content', () => {
  test('an empty stream has no chunks, a short one has one', async () => {
    expect(await splitAll(reader(new Uint8Array(0)))).toEqual([]);
    expect(await splitAll(reader(Uint8Array.of(7)))).toEqual([Uint8Array.of(7)]);
  });

  test('chunks are cut where the reference cuts, whatever the reads return', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 400_000 }),
        fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 8 }),
        async (seed, lengthBytes, pieces) => {
          const bytes = seededBytes(seed, lengthBytes);
          let turn = 0;
          const chunks = await splitAll(reader(bytes, () => pieces[turn++ % pieces.length] ?? 1));
          expect(lengthsOf(chunks)).toEqual(referenceLengths(bytes, parameters));
          expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  test.each([windowBytes - 1, windowBytes, windowBytes + 1, 3 * windowBytes + 12345])(
    'a stream of %i bytes goes through one window unharmed',
    async (lengthBytes) => {
      const bytes = seededBytes(lengthBytes, lengthBytes);
      const chunks = await splitAll(reader(bytes));
      expect(lengthsOf(chunks)).toEqual(referenceLengths(bytes, parameters));
      expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    },
  );

  test('a cut waits for the last byte it may depend on', async () => {
    const plain = { multiplier: 1, addend: 0 };
    const bytes = new Uint8Array(chunkBytesMin + chunkBytesMax + 10).fill(0xff);
    const best = chunkBytesMin + chunkBytesMax;
    bytes.fill(0, chunkBytesMin - 4, chunkBytesMin);
    bytes.fill(0, best - 4, best);
    // One byte short of the best cut of the second chunk, at the moment that chunk is asked for.
    const pieces = [best - 1, 11];
    const chunks = await splitAll(
      reader(bytes, () => pieces.shift() ?? 1),
      plain,
    );
    expect(lengthsOf(chunks)).toEqual([chunkBytesMin, chunkBytesMax, 10]);
  });

  test('lengths keep their bounds and their mean', async () => {
    const lengths = lengthsOf(await splitAll(reader(seededBytes(21, 16 * 1024 * 1024)))).slice(0, -1);
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(chunkBytesMin);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(chunkBytesMax);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(Math.abs(mean / chunkBytesMean - 1)).toBeLessThan(0.1);
  });

  test('an edit changes the chunks around it and no others', async () => {
    const bytes = seededBytes(22, 4 * 1024 * 1024);
    const before = new Set((await splitAll(reader(bytes))).map(chunkIdOf));
    const insertion = Uint8Array.of(1, 2, 3);
    for (const at of [0, 1_000_000, 2_345_678, bytes.length]) {
      const edited = Buffer.concat([bytes.subarray(0, at), insertion, bytes.subarray(at)]);
      const fresh = (await splitAll(reader(edited))).filter((chunk) => !before.has(chunkIdOf(chunk)));
      // The cuts are back in step after a few chunks of random bytes.
      expect(fresh.length).toBeLessThanOrEqual(8);
      expect(fresh.length).toBeGreaterThan(0);
    }
  });
});

describe('parameters', () => {
  test('differ between shares, and move the cuts', async () => {
    const other = chunkingParametersOf(new Uint8Array(32).fill(2));
    expect(other).not.toEqual(parameters);
    const bytes = seededBytes(23, 1024 * 1024);
    expect(lengthsOf(await splitAll(reader(bytes), other))).not.toEqual(
      lengthsOf(await splitAll(reader(bytes))),
    );
  });

  test('are two u32, the first one odd', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (share) => {
        const { multiplier, addend } = chunkingParametersOf(share);
        expect(multiplier % 2).toBe(1);
        expect([multiplier >>> 0, addend >>> 0]).toEqual([multiplier, addend]);
      }),
    );
  });
});

describe('golden vectors', () => {
  interface Golden {
    share: string;
    multiplier: number;
    addend: number;
    seed: number;
    lengthBytes: number;
    byteMask: number;
    chunks: [length: number, id: string][];
  }
  const golden: Golden[] = JSON.parse(
    readFileSync(new URL('../../fixtures/chunking-cuts.json', import.meta.url), 'utf8'),
  );

  test.each(golden)('share $share, seed $seed, mask $byteMask', async (vector) => {
    const using = chunkingParametersOf(Buffer.from(vector.share, 'hex'));
    expect(using).toEqual({ multiplier: vector.multiplier, addend: vector.addend });
    const bytes = seededBytes(vector.seed, vector.lengthBytes).map((byte) => byte & vector.byteMask);
    const chunks = await splitAll(reader(bytes), using);
    expect(chunks.map((chunk) => [chunk.length, chunkIdOf(chunk)])).toEqual(vector.chunks);
  });
});

describe('windows', () => {
  test('bytes are read into the very memory that chunks are yielded from, one window at most', async () => {
    let buffer: ArrayBufferLike | undefined;
    let extentBytes = 0;
    const inner = reader(seededBytes(31, 3 * windowBytes));
    const read: ReadInto = (into) => {
      buffer = into.buffer;
      extentBytes = Math.max(extentBytes, into.length);
      return inner(into);
    };
    for await (const chunk of splitStream(read, parameters)) expect(chunk.buffer).toBe(buffer);
    expect(extentBytes).toBe(windowBytes);
  });

  test('streams that are split at the same time do not disturb each other', async () => {
    const inputs = [41, 42, 43, 44].map((seed) => seededBytes(seed, 700_000 + seed));
    const streams = inputs.map((bytes) =>
      splitStream(
        reader(bytes, () => 60_000),
        parameters,
      ),
    );
    const pieces: Uint8Array[][] = inputs.map(() => []);
    let live = streams.length;
    while (live > 0) {
      live = 0;
      for (const [index, stream] of streams.entries()) {
        const { value, done } = await stream.next();
        if (done) continue;
        live++;
        pieces[index]?.push(value.slice());
      }
    }
    for (const [index, bytes] of inputs.entries()) {
      expect(Buffer.concat(pieces[index] ?? []).equals(bytes)).toBe(true);
      expect(lengthsOf(pieces[index] ?? [])).toEqual(referenceLengths(bytes, parameters));
    }
  });

  test('one stream too many is refused, and is welcome when another has ended', async () => {
    const open = Array.from({ length: windowsMax }, () => splitStream(reader(Uint8Array.of(1)), parameters));
    await Promise.all(open.map((stream) => stream.next()));
    await expect(splitAll(reader(Uint8Array.of(1)))).rejects.toMatchObject({ code: 'LIMIT' });
    await open[0]?.return();
    expect(await splitAll(reader(Uint8Array.of(1)))).toHaveLength(1);
    await Promise.all(open.map((stream) => stream.return()));
    await expectAllWindowsFree();
  });

  test('a window comes back when the consumer stops, the read fails, or the read lies', async () => {
    for (let round = 0; round <= windowsMax; round++) {
      for await (const _ of splitStream(reader(seededBytes(51, 300_000)), parameters)) break;
      const failing: ReadInto = async () => {
        throw new Error('EIO');
      };
      await expect(splitAll(failing)).rejects.toThrow('EIO');
      for (const lie of [-1, 0.5, windowBytes + 1, Number.NaN]) {
        await expect(splitAll(async () => lie)).rejects.toThrow('A read fits its room.');
      }
    }
    await expectAllWindowsFree();
  });
});

describe('cancelling', () => {
  test('before the start: nothing is read', async () => {
    const stream = splitStream(
      () => expect.unreachable('read'),
      parameters,
      AbortSignal.abort(new Error('closing')),
    );
    await expect(stream.next()).rejects.toMatchObject({ code: 'CANCELLED', cause: { message: 'closing' } });
  });

  test('during a read: the read is awaited, its bytes are not used', async () => {
    const controller = new AbortController();
    let settle: (readBytes: number) => void = () => undefined;
    const stream = splitStream(
      () => new Promise((resolve) => (settle = resolve)),
      parameters,
      controller.signal,
    );
    const next = stream.next();
    controller.abort();
    settle(100);
    await expect(next).rejects.toMatchObject({ code: 'CANCELLED' });
    await expectAllWindowsFree();
  });

  test('between two chunks', async () => {
    const controller = new AbortController();
    const stream = splitStream(reader(seededBytes(61, 500_000)), parameters, controller.signal);
    await stream.next();
    controller.abort();
    await expect(stream.next()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    await expectAllWindowsFree();
  });
});
