/**
 * Shows how packs use their files: when a new one begins, what is synced, how many are open, and what becomes of errors
 * of the system. An `open` that counts, and that can make files fail, stands in for the disk.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sharedMemory } from '../../src/chunking/index.js';
import { directBlockBytes, directFlags, wholeBlocks } from '../../src/store/direct-io.js';
import { FilePacks, type OpenFile } from '../../src/store/file-packs.js';
import { descriptorsMax } from '../../src/store/pack-descriptors.js';
import { trailerBytes } from '../../src/store/pack-footer.js';
import type { RecordPlace } from '../../src/store/pack-location.js';
import { encodeRecord, packHeaderBytes, recordHeaderBytes } from '../../src/store/pack-record.js';
import { scanRecords } from '../../src/store/pack-scan.js';
import type { PackState } from '../../src/store/packs.js';
import { type SampleChunk, sampleChunk } from './sample-chunk.js';
import { scratchDirectory } from './scratch.js';

const chunkBytes = 5000;
const recordBytes = recordHeaderBytes + chunkBytes;
/** Bytes of the footer and trailer of a pack of `records`. */
const footerBytesOf = (records: number): number => 4 + 45 * records + trailerBytes;
/** Two records fill a pack. */
const bytesMax = packHeaderBytes + 2 * recordBytes;
const samples = Array.from({ length: 150 }, (_, index) => sampleChunk(3 * index + 1, chunkBytes));

/** Counts what is open, and lets a test change the files that are opened. */
class Disk {
  readonly events: string[] = [];
  openCount = 0;
  openCountMax = 0;
  alter: (file: FileHandle) => void = () => {};

  readonly openFile: OpenFile = async (path, flags, mode) => {
    const file = await open(path, flags, mode);
    const [name, close, datasync] = [basename(path), file.close.bind(file), file.datasync.bind(file)];
    this.openCount += 1;
    this.openCountMax = Math.max(this.openCountMax, this.openCount);
    file.close = async () => {
      await close();
      this.openCount -= 1;
    };
    file.datasync = async () => {
      this.events.push(`sync ${Number.parseInt(name, 10)}`);
      await datasync();
    };
    this.alter(file);
    return file;
  };
}

async function openPacks(disk: Disk): Promise<FilePacks> {
  const packs = await FilePacks.open(await scratchDirectory(), undefined, {
    openFile: disk.openFile,
    bytesMax,
  });
  onTestFinished(async () => {
    await packs.close();
    expect(disk.openCount, 'files left open').toBe(0);
  });
  return packs;
}

/** Appends `chunks`, one batch each. */
async function append(packs: FilePacks, chunks: readonly SampleChunk[]): Promise<RecordPlace[]> {
  const locations: RecordPlace[] = [];
  for (const { id, encoded } of chunks) {
    const [place] = await packs.append([encodeRecord(id, encoded)]);
    if (place === undefined) throw new Error('a record has no place');
    locations.push(place);
  }
  return locations;
}

async function isServed(
  packs: FilePacks,
  chunk: SampleChunk,
  place: RecordPlace | undefined,
): Promise<boolean> {
  const served = place && (await packs.read(place, recordBytes));
  return served !== undefined && Buffer.compare(served, encodeRecord(chunk.id, chunk.encoded)) === 0;
}

it('begins a new pack when a batch would not fit, and puts a batch into one pack', async () => {
  const packs = await openPacks(new Disk());
  const locations = await append(packs, samples.slice(0, 3));
  expect(locations.map(({ pack, offset }) => [pack, offset])).toEqual([
    [1, packHeaderBytes],
    [1, packHeaderBytes + recordBytes],
    [2, packHeaderBytes],
  ]);
  const batch = samples.slice(3, 6).map(({ id, encoded }) => encodeRecord(id, encoded));
  expect((await packs.append(batch)).map(({ pack }) => pack)).toEqual([3, 3, 3]);
  expect(packs.state).toMatchObject({ pack: 3, length: packHeaderBytes + 3 * recordBytes });
  expect(await packs.lengthOf(1)).toBe(bytesMax + footerBytesOf(2));
  expect(await packs.lengthOf(9)).toBe(0);
});

it('syncs each pack that was written since the last sync, once', async () => {
  const disk = new Disk();
  const packs = await openPacks(disk);
  await append(packs, samples.slice(0, 5));
  expect(disk.events).toEqual([]);
  await packs.sync();
  expect(disk.events.splice(0)).toEqual(['sync 1', 'sync 2', 'sync 3']);
  await packs.sync();
  expect(disk.events).toEqual([]);
  await append(packs, samples.slice(5, 7));
  await packs.sync();
  expect(disk.events).toEqual(['sync 3', 'sync 4']);
});

it('keeps few packs open, however many are written without a sync and read at once', async () => {
  const disk = new Disk();
  const packs = await openPacks(disk);
  const locations = await append(packs, samples);
  expect(disk.openCountMax).toBeLessThanOrEqual(5);
  const some = samples.slice(0, 40);
  for (let round = 0; round < 3; round++) {
    const served = await Promise.all(some.map((chunk, index) => isServed(packs, chunk, locations[index])));
    expect(served.every(Boolean)).toBe(true);
  }
  for (const [index, chunk] of samples.entries())
    expect(await isServed(packs, chunk, locations[index])).toBe(true);
  expect(disk.openCount).toBeLessThanOrEqual(descriptorsMax + 5);
  const served = await Promise.all(samples.map((chunk, index) => isServed(packs, chunk, locations[index])));
  expect(served.every(Boolean)).toBe(true);
  expect(disk.openCount).toBeLessThanOrEqual(descriptorsMax + 5);
});

it('writes several batches at once, each behind the one before, and ends them in their order', async () => {
  const disk = new Disk();
  const packs = await openPacks(disk);
  let arrived = (): void => {};
  const writes: { readonly position: number; readonly end: () => void }[] = [];
  disk.alter = (file) => {
    const writev = file.writev.bind(file);
    file.writev = async (parts, position) => {
      const isHeld = parts[0]?.byteLength === recordBytes;
      if (isHeld)
        await new Promise<void>((end) => {
          writes.push({ position: position ?? 0, end });
          arrived();
        });
      return writev(parts, position);
    };
  };
  const chunks = samples.slice(0, 3);
  const ended: number[] = [];
  const appends = chunks.map(async (chunk, index) => {
    const places = await append(packs, [chunk]);
    ended.push(index);
    return places;
  });
  const untilHeld = async (count: number): Promise<void> => {
    while (writes.length < count) await new Promise<void>((resolve) => (arrived = resolve));
  };
  await untilHeld(2); // two fill a pack: the third waits for the next one
  expect(writes.map(({ position }) => position)).toEqual([packHeaderBytes, packHeaderBytes + recordBytes]);
  const written = packs.state.length;
  writes[1]?.end();
  await packs.sync();
  expect([ended, packs.state.length]).toEqual([[], written]);
  writes[0]?.end();
  await untilHeld(3);
  expect(ended).toEqual([0, 1]);
  expect(await packs.lengthOf(1)).toBe(bytesMax + footerBytesOf(2));
  const closed = packs.close();
  for (let turn = 0; turn < 20; turn++) await packs.lengthOf(1); // time for it to close what it must not
  writes[2]?.end();
  const places = (await Promise.all(appends)).flat();
  expect(places.map(({ pack }) => pack)).toEqual([1, 1, 2]);
  await closed; // not before the last write has ended
  expect(disk.openCount).toBe(0);
});

it('closes after the writes that are under way when another one fails', async () => {
  const disk = new Disk();
  const packs = await openPacks(disk);
  const held: (() => void)[] = [];
  disk.alter = (file) => {
    const writev = file.writev.bind(file);
    file.writev = async (parts, position) => {
      if (position === packHeaderBytes) await new Promise<void>((resolve) => held.push(resolve));
      if (position === packHeaderBytes + recordBytes)
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      return writev(parts, position);
    };
  };
  const appends = samples.slice(0, 2).map((chunk) => append(packs, [chunk]));
  await expect(appends[1]).rejects.toMatchObject({ code: 'STORE_FAILED' });
  const closed = packs.close();
  for (let turn = 0; turn < 20; turn++) await packs.lengthOf(1); // time for it to close what it must not
  for (const end of held) end();
  expect(await appends[0]).toMatchObject([{ pack: 1, offset: packHeaderBytes }]);
  await closed;
});

it('goes on after writes and reads that the system cut short', async () => {
  const disk = new Disk();
  disk.alter = (file) => {
    const [writev, readv] = [file.writev.bind(file), file.readv.bind(file)];
    file.writev = async (parts, position) => {
      const [first] = parts;
      const part = (first as Uint8Array).subarray(0, 700);
      return { ...(await writev([part], position)), buffers: parts };
    };
    file.readv = async (parts, position) => {
      const [first] = parts;
      const part = (first as Uint8Array).subarray(0, 900);
      return { ...(await readv([part], position)), buffers: parts };
    };
  };
  const packs = await openPacks(disk);
  const chunks = samples.slice(0, 2);
  const places = await packs.append(chunks.map(({ id, encoded }) => encodeRecord(id, encoded)));
  for (const [index, chunk] of chunks.entries()) {
    expect(await isServed(packs, chunk, places[index])).toBe(true);
  }
});

/** `chunks` as records that lie in a row in memory for direct writes, from `start` on. */
function recordsInARow(chunks: readonly SampleChunk[], start = 0): Uint8Array[] {
  const memory = new Uint8Array(sharedMemory(start + chunks.length * recordBytes).buffer);
  return chunks.map(({ id, encoded }, index) => {
    const at = start + index * recordBytes;
    memory.set(encodeRecord(id, encoded), at);
    return memory.subarray(at, at + recordBytes);
  });
}

describe('what lies in blocks', () => {
  const opened: number[] = [];
  async function openDirect(disk: Disk, directory: string, state?: PackState): Promise<FilePacks> {
    const openFile: OpenFile = async (path, flags, mode) => {
      opened.push(flags);
      return disk.openFile(path, flags, mode);
    };
    const packs = await FilePacks.open(directory, state, { openFile, directBytesMin: 1 });
    onTestFinished(() => packs.close());
    return packs;
  }
  const directCount = (): number => opened.splice(0).filter((flags) => flags === directFlags).length;

  it('is written directly, from a block on, and other records before and behind it', async () => {
    const [disk, directory] = [new Disk(), await scratchDirectory()];
    const packs = await openDirect(disk, directory);
    const chunks = samples.slice(0, 9);
    const places = await append(packs, chunks.slice(0, 2));
    places.push(...(await packs.append(recordsInARow(chunks.slice(2, 5)))));
    places.push(...(await append(packs, chunks.slice(5, 7))));
    places.push(...(await packs.append(recordsInARow(chunks.slice(7), 1000))));
    expect(
      [places[2]?.offset, places[5]?.offset, places[7]?.offset].map(
        (offset) => (offset ?? 1) % directBlockBytes,
      ),
    ).toEqual([0, 0, 1000]);
    expect(directCount()).toBe(1);
    await packs.sync();
    for (const [index, chunk] of chunks.entries())
      expect(await isServed(packs, chunk, places[index])).toBe(true);
    const { state } = packs;
    expect(await packs.lengthOf(1)).toBe(state.length);
    await packs.seal();
    await packs.close();
    expect(disk.openCount).toBe(0);

    const found: number[] = [];
    const file = await open(join(directory, 'packs', '00000001.pack'));
    for await (const { offset, skippedBytes } of scanRecords(file, packHeaderBytes, state.length)) {
      expect(skippedBytes).toBe(0); // padding is no gap
      found.push(offset);
    }
    await file.close();
    expect(found).toEqual(places.map(({ offset }) => offset));
    const again = await openDirect(new Disk(), directory, state);
    for (const [index, chunk] of chunks.entries())
      expect(await isServed(again, chunk, places[index])).toBe(true);
  });

  it('is written as anything else where something else lies in its blocks', async () => {
    const packs = await openDirect(new Disk(), await scratchDirectory());
    const [first, second, third] = recordsInARow(samples.slice(0, 3)) as [Uint8Array, Uint8Array, Uint8Array];
    const places = [...(await packs.append([second, third])), ...(await packs.append([first, second]))];
    expect(directCount()).toBe(0);
    expect(places.map(({ offset }) => offset)).toEqual(
      [0, 1, 2, 3].map((index) => packHeaderBytes + index * recordBytes),
    );
  });

  it.each(['open', 'write'] as const)(
    'is written as anything else where the file system refuses to %s',
    async (what) => {
      const disk = new Disk();
      const refusal = Object.assign(new Error('EINVAL'), { code: 'EINVAL' });
      const openFile = disk.openFile;
      const packs = await openDirect(
        Object.assign(disk, {
          openFile: async (path: string, flags: number, mode?: number) => {
            if (flags === directFlags && what === 'open') throw refusal;
            const file = await openFile(path, flags, mode);
            if (flags === directFlags) file.writev = () => Promise.reject(refusal);
            return file;
          },
        }),
        await scratchDirectory(),
      );
      const chunks = samples.slice(0, 6);
      const places = await packs.append(recordsInARow(chunks.slice(0, 3)));
      const later = await packs.append(recordsInARow(chunks.slice(3)));
      expect(directCount()).toBe(1);
      // The batch that was refused stays in the place that it had.
      const inBlocks = wholeBlocks(packHeaderBytes) + wholeBlocks(3 * recordBytes);
      expect(packs.state.length).toBe(inBlocks + 3 * recordBytes);
      for (const [index, chunk] of chunks.entries())
        expect(await isServed(packs, chunk, [...places, ...later][index])).toBe(true);
    },
  );

  it('fails where the disk is full, and is not written in another way', async () => {
    const disk = new Disk();
    disk.alter = (file) => {
      file.writev = () => Promise.reject(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }));
    };
    const packs = await FilePacks.open(await scratchDirectory(), undefined, { openFile: disk.openFile });
    onTestFinished(() => packs.close());
    await expect(packs.append(recordsInARow(samples.slice(0, 2)))).rejects.toMatchObject({
      code: 'STORE_FAILED',
    });
  });
});

it.each([
  ['EIO', undefined],
  ['EMFILE', { code: 'STORE_FAILED', data: { systemCode: 'EMFILE' } }],
])('takes %s while reading for what it is', async (code, rejection) => {
  const disk = new Disk();
  const packs = await openPacks(disk);
  const [chunk] = samples as [SampleChunk];
  const [location] = (await append(packs, [chunk])) as [RecordPlace];
  const failure = Object.assign(new Error(code), { code });
  disk.alter = (file) => {
    file.readv = () => Promise.reject(failure);
  };
  const reading = packs.read(location, recordBytes);
  if (rejection === undefined) expect(await reading).toBeUndefined();
  else await expect(reading).rejects.toMatchObject(rejection);
  disk.alter = () => {}; // the next read opens the pack again
  expect(await isServed(packs, chunk, location)).toBe(true);
});

it('reads neighbours at once, each one for itself if that fails, and up to where the pack ends', async () => {
  const disk = new Disk();
  const packs = await FilePacks.open(await scratchDirectory(), undefined, { openFile: disk.openFile });
  onTestFinished(() => packs.close());
  const chunks = samples.slice(0, 5);
  const locations = await append(packs, chunks);
  const calls: number[] = [];
  let spoiled: number | undefined;
  disk.alter = (file) => {
    const readv = file.readv.bind(file);
    file.readv = async (parts, position) => {
      calls.push(parts.length);
      const end = (position ?? 0) + parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const isHit = spoiled !== undefined && (position ?? 0) <= spoiled && spoiled < end;
      if (isHit) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return readv(parts, position);
    };
  };
  const readEach = (indexes: readonly number[]): Promise<boolean[]> =>
    Promise.all(indexes.map((index) => isServed(packs, chunks[index] as SampleChunk, locations[index])));

  expect(await readEach([4, 1, 0, 2])).toEqual([true, true, true, true]);
  expect(calls.splice(0)).toEqual([3, 1]);
  spoiled = locations[1]?.offset;
  expect(await readEach([0, 1, 2])).toEqual([true, false, true]);
  expect(calls.splice(0)).toEqual([3, 1, 1, 1]);
  spoiled = undefined;
  const beyond = { ...(locations[4] as RecordPlace), offset: packs.state.length };
  const [last, none] = await Promise.all([
    isServed(packs, chunks[4] as SampleChunk, locations[4]),
    isServed(packs, chunks[4] as SampleChunk, beyond),
  ]);
  expect([last, none]).toEqual([true, false]);
  expect(calls).toEqual([2, 1]);
});

it('refuses to read after it was closed', async () => {
  const packs = await openPacks(new Disk());
  const [chunk] = samples as [SampleChunk];
  const [location] = (await append(packs, [chunk])) as [RecordPlace];
  const reading = packs.read(location, recordBytes);
  await packs.close();
  await expect(packs.read(location, recordBytes)).rejects.toMatchObject({ code: 'CANCELLED' });
  await reading.catch((error: unknown) => expect(error).toMatchObject({ code: 'CANCELLED' }));
});
