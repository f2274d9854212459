/**
 * Shows that a scan compares nothing where the folder is as it was seen, misses nothing where it is not, and takes what was
 * seen for nothing once anything that it rests on has changed. Each scan of a random history is followed by one that knows
 * nothing of what was seen: that one must find nothing left.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRelPath } from '../../src/manifest/index.js';
import type { OpenShare } from '../../src/share/open-share.js';
import { seenKey } from '../../src/share/records.js';
import { SeededChoice } from '../support/seeded-choice.js';
import { scratchDirectory } from './peer.js';
import { put, scanOf, shareOf } from './replica-at-rest.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_127);
/** Enough for several batches of a walk, and for two threads. */
const many = 4200;

let scratch: { path: string; remove: () => Promise<void> };
let directory: string;
let share: OpenShare;

beforeEach(async () => {
  scratch = await scratchDirectory();
  directory = join(scratch.path, 'share');
});

afterEach(async () => {
  await share.close();
  await scratch.remove();
});

const nameOf = (index: number): string => `d${index % 40}/f${Math.floor(index / 40)}`;

/** A share with files that a scan has seen, and that are not racy any more. */
async function seenShare(count: number): Promise<void> {
  const files = Array.from({ length: count }, (_, index) => [nameOf(index), `${index}`] as const);
  share = await shareOf(directory, Object.fromEntries(files));
  await scanOf(share);
}

const isNoted = async (): Promise<boolean> => (await share.store.getRecord('seen', seenKey)) !== undefined;

function forget(): Promise<void> {
  return share.store.commit([{ kind: 'seen', key: seenKey, delete: true }], { durable: false });
}

/** How many stat records a scan read. */
async function recordsRead(scanning: () => Promise<unknown>): Promise<number> {
  const { store } = share;
  const records = store.records.bind(store);
  let count = 0;
  store.records = async function* (kind, options) {
    for await (const record of records(kind, options)) {
      if (kind === 'stat') count++;
      yield record;
    }
  };
  try {
    await scanning();
    return count;
  } finally {
    store.records = records;
  }
}

describe('what was seen', () => {
  it('is noted by a scan that took in everything, and spares the next one all comparing', async () => {
    await seenShare(many);
    expect(await isNoted()).toBe(true);
    expect(await recordsRead(() => scanOf(share))).toBe(0);
    await forget();
    expect(await recordsRead(() => scanOf(share))).toBe(many);
    expect(await isNoted()).toBe(true);
    expect(await recordsRead(() => scanOf(share))).toBe(0);
  });

  it('holds for the rest of the folder where one thing has changed', async () => {
    await seenShare(many);
    writeFileSync(join(directory, nameOf(2000)), 'other');
    let result: Awaited<ReturnType<typeof scanOf>> | undefined;
    const read = await recordsRead(async () => {
      result = await scanOf(share);
    });
    expect(result).toMatchObject({ changed: 1, deleted: 0, unsettled: [] });
    expect(read).toBeLessThan(many / 2);
    expect(await isNoted()).toBe(true);
    expect(await recordsRead(() => scanOf(share))).toBe(0);
  });

  it.each([
    [
      'a stat record',
      () => share.replica.commit({ stats: [{ path: parseRelPath(nameOf(3)), record: undefined }] }),
    ],
    [
      'an entry',
      async () => {
        const path = parseRelPath(nameOf(3));
        const entry = await share.replica.tree.get(share.replica.root, path);
        await share.replica.commit({ entries: entry === undefined ? [] : [entry] });
      },
    ],
    ['what is in doubt', () => share.replica.commit({ doubts: new Map([[parseRelPath('x'), undefined]]) })],
    ['the tree', () => share.replica.tree.emptyRoot().then((root) => share.replica.renewTree(root))],
  ])('is gone once %s has changed', async (_what, change) => {
    await seenShare(10);
    expect(await isNoted()).toBe(true);
    await share.replica.exclusive(() => change());
    expect(await isNoted()).toBe(false);
    await scanOf(share);
  });

  it('is not noted where a change came while the folder was scanned', async () => {
    await seenShare(10);
    await forget();
    const { folder, replica } = share;
    const walk = folder.walk.bind(folder);
    folder.walk = async function* (options) {
      yield* walk(options);
      await replica.exclusive(() =>
        replica.commit({ stats: [{ path: parseRelPath(nameOf(3)), record: undefined }] }),
      );
    };
    await scanOf(share);
    expect(await isNoted()).toBe(false);
    folder.walk = walk;
    expect(await scanOf(share)).toMatchObject({ changed: 0 });
    expect(await share.store.getRecord('stat', nameOf(3).replace('/', '\0'))).toBeDefined();
    expect(await isNoted()).toBe(true);
  });

  it('is not noted with what may change again, cannot be synced, or is only read', async () => {
    await seenShare(10);
    writeFileSync(join(directory, nameOf(3)), 'racy');
    expect(await scanOf(share, { aheadMs: 0 })).toMatchObject({ changed: 1 });
    expect(await isNoted()).toBe(false);
    await scanOf(share);
    expect(await isNoted()).toBe(true);
    writeFileSync(join(directory, nameOf(3)), 'edited');
    expect((await scanOf(share, { mayWrite: false })).blocked.size).toBe(1);
    expect(await isNoted()).toBe(true); // as it was: the folder is not
    expect((await scanOf(share, { mayWrite: false })).blocked.size).toBe(1);
    expect(await scanOf(share)).toMatchObject({ changed: 1 });
    execFileSync('mkfifo', [join(directory, 'fifo')]);
    await forget();
    for (let count = 0; count < 2; count++) {
      expect([...(await scanOf(share)).blocked.keys()]).toEqual(['fifo']);
      expect(await isNoted()).toBe(false);
    }
  });

  it('does not hold under other rules: what they no longer cover may be missing', async () => {
    await seenShare(10);
    await put(directory, '.shoalignore', 'd3/\n');
    await scanOf(share);
    rmSync(join(directory, 'd3'), { recursive: true });
    expect(await scanOf(share)).toMatchObject({ deleted: 0 });
    await scanOf(share);
    expect(await isNoted()).toBe(true);
    await put(directory, '.shoalignore', '# none\n');
    expect(await scanOf(share)).toMatchObject({ deleted: 2 });
  });

  it('is as good as none where its record is damaged', async () => {
    await seenShare(10);
    for (const value of [
      new Uint8Array(0),
      Uint8Array.of(0x85, 1, 2, 3, 4, 5),
      new Uint8Array(300).fill(0xff),
    ]) {
      await share.store.commit([{ kind: 'seen', key: seenKey, value }], { durable: false });
      expect(await recordsRead(() => scanOf(share))).toBe(10);
    }
    expect(await isNoted()).toBe(true);
  });

  it('finds what is gone just before or between batches that are still the same', async () => {
    const name = (index: number): string => `f${String(index).padStart(4, '0')}`;
    const batch = 1024;
    share = await shareOf(
      directory,
      Object.fromEntries(Array.from({ length: 3 * batch }, (_, at) => [name(at), ''])),
    );
    await scanOf(share);
    expect(await isNoted()).toBe(true);
    // The last of a batch goes and another one comes, so that the next batch begins where it did.
    rmSync(join(directory, name(batch - 1)));
    writeFileSync(join(directory, `${name(5)}-new`), '');
    expect(await scanOf(share)).toMatchObject({ changed: 1, deleted: 1 });
    for (let index = batch; index < 2 * batch; index++) rmSync(join(directory, name(index)));
    expect(await scanOf(share)).toMatchObject({ changed: 0, deleted: batch });
    for (let index = 2 * batch; index < 3 * batch; index++) rmSync(join(directory, name(index)));
    expect(await scanOf(share)).toMatchObject({ changed: 0, deleted: batch });
    expect(await scanOf(share)).toMatchObject({ changed: 0, deleted: 0 });
  });

  it('finds a whole folder gone, or all behind some place', async () => {
    await seenShare(many);
    for (let index = 20; index < 40; index++) rmSync(join(directory, `d${index}`), { recursive: true });
    expect(await scanOf(share, { approved: true })).toMatchObject({ deleted: many / 2 + 20 });
    for (let index = 0; index < 20; index++) rmSync(join(directory, `d${index}`), { recursive: true });
    expect(await scanOf(share, { approved: true })).toMatchObject({ deleted: many / 2 + 20 });
    expect(await scanOf(share)).toMatchObject({ changed: 0, deleted: 0 });
  });
});

it(`misses nothing in a random history (seed ${seed}, set by SHOAL_SEED)`, async () => {
  await seenShare(many);
  const choice = new SeededChoice(seed);
  const someFile = (): string => join(directory, nameOf(choice.below(many)));
  const changes: readonly (() => void)[] = [
    () => writeFileSync(someFile(), `${choice.below(1000)}`),
    () => rmSync(someFile(), { force: true }),
    () => rmSync(join(directory, `d${choice.below(40)}`), { recursive: true, force: true }),
    () => mkdirSync(join(directory, `new${choice.below(9)}`, 'inner'), { recursive: true }),
    () => writeFileSync(join(directory, `new-${choice.below(50)}`), 'new'),
    () => renameSync(join(directory, `d${choice.below(40)}`), join(directory, `moved${choice.below(1e6)}`)),
    () => symlinkSync(`to ${choice.below(9)}`, join(directory, `link${choice.below(1e6)}`)),
    () => chmodSync(someFile(), choice.below(2) === 0 ? 0o755 : 0o644),
    () => utimesSync(someFile(), 1_600_000_000, 1_600_000_000 + choice.below(100)),
    () => {
      rmSync(join(directory, 'a'), { recursive: true, force: true });
      for (let index = choice.below(1500); index > 0; index--) {
        mkdirSync(join(directory, 'a'), { recursive: true });
        writeFileSync(join(directory, 'a', `${index}`), '');
      }
    },
  ];
  for (let round = 0; round < 12; round++) {
    for (let count = choice.below(4); count > 0; count--) {
      try {
        choice.of(changes)();
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(ENOENT|EEXIST|ENOTEMPTY|ENOTDIR)$/) });
      }
    }
    const first = await scanOf(share, { approved: true });
    expect(first.unsettled).toEqual([]);
    expect(await isNoted()).toBe(true);
    const { root } = share.replica;
    await forget();
    expect(await scanOf(share), `round ${round}`).toMatchObject({ changed: 0, deleted: 0, unsettled: [] });
    expect(share.replica.root, `round ${round}`).toBe(root);
  }
}, 120_000);
