/**
 * An ingest takes in files whole, whatever their size and number, in worker threads or in this one: the same cuts, the
 * same chunks, nothing of a file that changed meanwhile, and no failure of the store that goes unheard.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { getPriority, platform } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { askForHugePages } from '../../src/chunking/huge-pages.js';
import { type ChunkId, chunkIdOf, splitStream, windowBytes } from '../../src/chunking/index.js';
import { IgnoreRules } from '../../src/folder/ignore-rules.js';
import { parseRelPath, recipeParts } from '../../src/manifest/index.js';
import { type FoundFile, Ingest, type Outcome } from '../../src/share/ingest.js';
import { IngestRunner } from '../../src/share/ingest-runner.js';
import type { OpenShare } from '../../src/share/open-share.js';
import { pieceAt } from '../../src/share/pieces-cut.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { scratchDirectory } from './peer.js';
import { shareOf } from './replica-at-rest.js';

vi.mock('../../src/chunking/huge-pages.js', { spy: true });

let scratch: { path: string; remove: () => Promise<void> };
let directory: string;
let share: OpenShare;
let ingest: Ingest;

beforeEach(async () => {
  scratch = await scratchDirectory();
  directory = join(scratch.path, 'share');
  share = await shareOf(directory, {});
  ingest = new Ingest(share.replica, share.folder);
});

afterEach(async () => {
  await ingest.close();
  await share.close();
  await scratch.remove();
});

async function put(path: string, content: Uint8Array): Promise<FoundFile> {
  await mkdir(join(directory, path, '..'), { recursive: true });
  await writeFile(join(directory, path), content);
  return found(path);
}

async function found(path: string): Promise<FoundFile> {
  return (await share.folder.look(parseRelPath(path), new IgnoreRules(''))) as FoundFile;
}

async function* each(files: readonly FoundFile[]): AsyncGenerator<{ found: FoundFile }[]> {
  for (const file of files) yield [{ found: file }];
}

/** What became of `files`, all taken in at once. */
async function takeAll(files: readonly FoundFile[]): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  await ingest.takeAll(each(files), async (done) => {
    for (const { file, outcome } of done) outcomes.set(file.found.path, outcome);
  });
  return outcomes;
}

/** The chunks that a file should have, by the streaming splitter. */
async function expectedParts(content: Uint8Array): Promise<{ id: ChunkId; length: number }[]> {
  let read = 0;
  const parts: { id: ChunkId; length: number }[] = [];
  const reader = async (into: Uint8Array): Promise<number> => {
    const piece = content.subarray(read, read + into.length);
    into.set(piece);
    read += piece.length;
    return piece.length;
  };
  for await (const chunk of splitStream(reader, share.replica.cutting))
    parts.push({ id: chunkIdOf(chunk), length: chunk.length });
  return parts;
}

async function partsOf(outcome: Outcome | undefined): Promise<{ id: ChunkId; length: number }[]> {
  if (outcome?.outcome !== 'taken' || outcome.ingested.content.kind !== 'file')
    throw new Error(`not taken: ${JSON.stringify(outcome)}`);
  const parts: { id: ChunkId; length: number }[] = [];
  for await (const { id, length } of recipeParts(share.replica.nodes, outcome.ingested.content.recipe))
    parts.push({ id, length });
  return parts;
}

/** Everything that the recipe of `outcome` names, read back from the store. */
async function storedContent(outcome: Outcome | undefined): Promise<Buffer> {
  await share.store.chunks.flush();
  const chunks = (await partsOf(outcome)).map(
    async ({ id }) => (await share.store.chunks.get(id)) ?? new Uint8Array(),
  );
  return Buffer.concat(await Promise.all(chunks));
}

describe('an ingest', () => {
  it.each([0, 1, windowBytes / 4, windowBytes / 4 + 1, windowBytes, 3 * windowBytes + 12_345])(
    'cuts a file of %i bytes where the streaming splitter does, and keeps all of it',
    async (length) => {
      const content = seededBytes(length, length);
      const file = await put('file', content);
      for (let time = 0; time < 2; time++) {
        // The second time it is a worker's job, and everything is there already.
        const outcome = await ingest.take(file);
        expect(await partsOf(outcome)).toEqual(await expectedParts(content));
        expect((await storedContent(outcome)).equals(content)).toBe(true);
      }
    },
  );

  it('takes in many small files, equal ones once, with long ones between them', async () => {
    const files: FoundFile[] = [];
    const contents = new Map<string, Uint8Array>();
    for (let index = 0; index < 700; index++) {
      const length = index % 100 === 7 ? windowBytes / 2 : index * 5;
      const content = index % 50 === 3 ? new Uint8Array(length) : seededBytes(index % 600, length);
      contents.set(`d${index % 7}/${index}`, content);
      files.push(await put(`d${index % 7}/${index}`, content));
    }
    const outcomes = await takeAll(files);
    expect(outcomes.size).toBe(files.length);
    for (const [path, content] of contents)
      expect((await storedContent(outcomes.get(path))).equals(content), path).toBe(true);
    const ids = (await Promise.all([...outcomes.values()].map(partsOf))).flat().map(({ id }) => id);
    const { chunks } = await share.store.chunks.totals();
    let own = 0;
    for await (const { ok } of share.store.chunks.verify()) {
      expect(ok).toBe(true);
      own++;
    }
    expect(chunks).toBe(own);
    expect(new Set(ids).size).toBeLessThan(ids.length);
  });

  /** Calls `act` before each job but the first of each reading of a long file. */
  function beforeLaterJobs(act: () => void): void {
    const start = IngestRunner.prototype.start;
    const spy = vi.spyOn(IngestRunner.prototype, 'start').mockImplementation(function (
      this: IngestRunner,
      job,
    ) {
      if (job.from > 0) act();
      return start.call(this, job);
    });
    onTestFinished(() => spy.mockRestore());
  }

  it.skipIf(platform() !== 'linux' || getPriority() >= 10)(
    'lets its workers, and nobody else, stand back for other threads',
    async () => {
      const files: FoundFile[] = [];
      for (let index = 0; index < 600; index++) files.push(await put(`${index}`, seededBytes(index, 50)));
      const before = nicenessOfThreads();
      await takeAll(files);
      const after = nicenessOfThreads();
      for (const [thread, niceness] of after) expect(before.get(thread) ?? niceness).toBe(niceness);
      expect([...after.values()]).toContain(10);
    },
  );

  /** By thread id, of this process. @see proc(5), /proc/pid/stat */
  function nicenessOfThreads(): Map<string, number> {
    const nice = (thread: string): number => {
      const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    };
    return new Map(readdirSync('/proc/self/task').map((thread) => [thread, nice(thread)]));
  }

  it('asks for its memory in huge pages once, when there is more than one job', async () => {
    vi.mocked(askForHugePages).mockClear();
    await takeAll([await put('only', seededBytes(1, 50))]);
    expect(askForHugePages).not.toHaveBeenCalled();
    const files: FoundFile[] = [];
    for (let index = 0; index < 600; index++) files.push(await put(`${index}`, seededBytes(index, 50)));
    await takeAll(files);
    expect(askForHugePages).toHaveBeenCalledTimes(1);
  });

  it('looks once at a small file that is as it was found, and takes one that is not as it is now', async () => {
    const files: FoundFile[] = [];
    for (let index = 0; index < 600; index++) files.push(await put(`${index}`, seededBytes(index, 50)));
    const edited = seededBytes(1000, 70);
    await put('300', edited);
    const start = vi.spyOn(IngestRunner.prototype, 'start');
    onTestFinished(() => start.mockRestore());
    const outcomes = await takeAll(files);
    expect((await storedContent(outcomes.get('300'))).equals(edited)).toBe(true);
    const jobs = await Promise.all(start.mock.results.map(({ value }) => value));
    const pieces = jobs.flatMap((job) =>
      Array.from(job.pieces.counts, (_, index) => pieceAt(job.pieces, index)),
    );
    const asFound = pieces.filter(({ outcome }) => outcome === 'as-found');
    expect([pieces.length, asFound.length]).toEqual([600, 599]);
  });

  it('takes a file that changes between two of its jobs as it is in the end', async () => {
    const content = seededBytes(1, 2 * windowBytes);
    const file = await put('grows', content);
    let calls = 0;
    beforeLaterJobs(() => {
      if (++calls === 1) appendFileSync(join(directory, 'grows'), 'more');
    });
    const outcome = await ingest.take(file);
    expect((await storedContent(outcome)).equals(await readFile(join(directory, 'grows')))).toBe(true);
    expect(outcome).toMatchObject({ ingested: { stat: { size: content.length + 4 } } });
  });

  it('gives up a file that changes under every reading, and says so', async () => {
    const file = await put('restless', seededBytes(1, 2 * windowBytes));
    beforeLaterJobs(() => appendFileSync(join(directory, 'restless'), 'x'));
    expect(await ingest.take(file)).toEqual({ outcome: 'unsettled' });
  });

  it('follows no symlink that took the place of a file or of its directory', async () => {
    const file = await put('d/file', seededBytes(1, 100));
    const inner = await put('e/file', seededBytes(2, 100));
    await rm(join(directory, 'd/file'));
    await symlink('/etc/hostname', join(directory, 'd/file'));
    await rm(join(directory, 'e'), { recursive: true });
    await symlink('/etc', join(directory, 'e'));
    const gone = await put('gone', seededBytes(3, 100));
    await rm(join(directory, 'gone'));
    const outcomes = await takeAll([file, inner, gone]);
    expect([...outcomes.values()]).toEqual(Array(3).fill({ outcome: 'unsettled' }));
  });

  it.each(['hasMany', 'give'] as const)(
    'fails when %s of the store fails, and does not hang',
    async (name) => {
      const files = [
        await put('long', seededBytes(1, 4 * windowBytes)),
        await put('short', seededBytes(2, 50_000)),
      ];
      const full = new Error('the disk is full');
      Object.assign(share.replica.intake, { [name]: () => Promise.reject(full) });
      await expect(takeAll(files)).rejects.toBe(full);
      await expect(takeAll(files)).rejects.toBe(full);
    },
  );

  it('stops between two jobs when it is cancelled', async () => {
    const abort = new AbortController();
    const cancelled = new Ingest(share.replica, share.folder, { signal: abort.signal });
    const file = await put('long', seededBytes(1, 4 * windowBytes));
    const { hasMany } = share.replica.intake;
    share.replica.intake.hasMany = (ids) => {
      abort.abort();
      return hasMany.call(share.replica.intake, ids);
    };
    await expect(cancelled.take(file)).rejects.toMatchObject({ code: 'CANCELLED' });
    await cancelled.close();
  });
});
