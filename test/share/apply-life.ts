/**
 * A share on the crash disk that takes over a batch of a peer's changes of every kind, while the user edits a file, and what
 * must hold of it after a crash: each path is as it was or as it is to be, torn files are mended, nothing that the disk or
 * this program did is taken for a write of the user's, and no edit is lost.
 */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import { IgnoreRules } from '../../src/folder/ignore-rules.js';
import type { Found } from '../../src/folder/index.js';
import {
  deleteEntry,
  type Entry,
  type FileEntry,
  type NewContent,
  parseRelPath,
  type RelPath,
  sameEntry,
  supersede,
} from '../../src/manifest/index.js';
import { apply, type ReadyStep } from '../../src/share/apply.js';
import { writeConfig } from '../../src/share/config.js';
import { fileContent } from '../../src/share/file-content.js';
import { layoutOf } from '../../src/share/layout.js';
import { type OpenShare, openShare } from '../../src/share/open-share.js';
import { type ScanResult, scan } from '../../src/share/scan.js';
import { writeSecrets } from '../../src/share/secrets.js';
import { importSecretKey, shareIdFromBytes } from '../../src/trust/index.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { type Call, CrashDisk, faultAt, mountPoint, someCrash } from '../support/crash-disk/crash-disk.js';
import { everyCrash, mountAfter } from '../support/crash-disk/every-crash.js';
import { mount, theDisk } from '../support/crash-disk/mount.js';
import { seedCrypto } from '../support/crash-disk/seeded-crypto.js';
import { SeededChoice } from '../support/seeded-choice.js';

const layout = layoutOf(`${mountPoint}/share`);
const path = (name: string): RelPath => parseRelPath(name);
const remote = { actor: 'ffffffffffffffff', mtimeNs: 1_600_000_000_000_000_000n };
/** Past the time in which a stat is racy. */
const aheadMs = 60_000;

/** What is at each path before, and what the peer made of it; null: nothing. A `->` begins a symlink, `/` is a directory. */
type State = string | Uint8Array | null;
interface Change {
  readonly before: State;
  readonly after: State;
  readonly executable?: boolean;
}

const large = (seed: number, bytes: number): Uint8Array => seededBytes(seed, bytes);

const changes: Readonly<Record<string, Change>> = {
  'a-replaced': { before: large(1, 9000), after: large(2, 13_000) },
  'b-new': { before: null, after: large(3, 5000) },
  'c-executable': { before: 'run me', after: 'run me', executable: true },
  'd/deep/new': { before: null, after: large(4, 700) },
  'e-link': { before: '->a-replaced', after: '->b-new' },
  'f-file-to-link': { before: large(5, 3000), after: '->elsewhere' },
  'g-link-to-file': { before: '->nowhere', after: large(6, 4500) },
  'h-edited': { before: 'what was there', after: 'what the peer wrote' },
  'i-directory': { before: null, after: '/' },
  'j-file-to-directory': { before: 'a file', after: '/' },
  'k-deleted': { before: large(7, 2000), after: null },
  'l-same-length': { before: large(8, 4096), after: large(9, 4096) },
};
const untouched = { m: 'the user has this', 'n/o': 'and this' };
const edited = 'h-edited';
const edit = "the user's own";
/** A file that the user adds with the edit. */
const added = { name: 'p/added', bytes: large(20, 6000) };

/** What happened, and how many operations of the disk had been made then. */
interface Life {
  readonly disk: CrashDisk;
  readonly before: ReadonlyMap<RelPath, Entry>;
  readonly after: ReadonlyMap<RelPath, Entry | undefined>;
  readonly editedAt: number;
  readonly editIsSafeAt: number;
  /** From here on a torn file may be one that no scan can see. */
  readonly contentsFrom: number;
  readonly appliedAt: number;
  readonly headAt: number;
  /** Of the head that was signed then. */
  readonly sequence: number;
}

function openOnDisk(): Promise<OpenShare> {
  return openShare(layout, {
    now: () => theDisk().nowMs(),
    onDamage: (id) => expect.fail(`chunk ${id} is said to be damaged after a crash`),
  });
}

function scanOnDisk({ replica, folder }: OpenShare): Promise<ScanResult> {
  const now = (): number => theDisk().nowMs() + aheadMs;
  return scan({ replica, folder, mayWrite: true, deletionsApproved: false, now });
}

/** A share with the files that stand before, scanned, everything of it durable. */
async function shareAtRest(): Promise<CrashDisk> {
  mount(CrashDisk.empty());
  await mkdir(layout.temporary, { recursive: true });
  for (const [name, { before }] of Object.entries(changes)) await make(name, before);
  for (const [name, text] of Object.entries(untouched)) await make(name, text);
  const [device, share] = [1, 2].map((byte) => importSecretKey(new Uint8Array(32).fill(byte)));
  if (device === undefined || share === undefined) throw new Error('two keys are needed');
  await writeSecrets(layout, { device, share });
  await writeConfig(layout, {
    share: shareIdFromBytes(share.publicKey),
    name: 'test',
    port: 22001,
    peers: [],
  });
  const open = await openOnDisk();
  await scanOnDisk(open);
  await open.close();
  return theDisk().settled();
}

async function make(name: string, state: State): Promise<void> {
  const full = join(layout.root, name);
  if (state === null || state === '/') return;
  await mkdir(dirname(full), { recursive: true });
  if (typeof state === 'string' && state.startsWith('->')) await symlink(state.slice(2), full);
  else await writeFile(full, state);
}

/** A peer's changes, ready to be carried out, and the moment at which the user edited one of the files. */
interface Prepared {
  readonly disk: CrashDisk;
  readonly open: OpenShare;
  readonly steps: readonly ReadyStep[];
  readonly before: ReadonlyMap<RelPath, Entry>;
  readonly after: ReadonlyMap<RelPath, Entry | undefined>;
  readonly editedAt: number;
  readonly editIsSafeAt: number;
}

async function prepare(start: CrashDisk): Promise<Prepared> {
  const disk = mount(start);
  const open = await openOnDisk();
  const before = new Map<RelPath, Entry>();
  for await (const entry of open.replica.tree.entries(open.replica.root)) before.set(entry.path, entry);
  const steps = await stepsOf(open, before);
  const after = new Map(steps.map((step) => [step.path, step.after]));
  await open.store.chunks.sync();
  const editedAt = disk.operations.length;
  await userEdits();
  return { disk, open, steps, before, after, editedAt, editIsSafeAt: disk.operations.length };
}

/** Takes over the peer's changes, in the order of a plan. @returns when the contents were begun, and when all was done */
async function carryOut({ disk, open, steps }: Prepared): Promise<Omit<Life, keyof Prepared>> {
  const directories = steps.filter(({ after: entry }) => entry?.kind === 'directory');
  const deletions = steps.filter(({ work }) => work === 'delete');
  const contents = steps.filter((step) => !directories.includes(step) && !deletions.includes(step));
  await apply(open.replica, open.folder, directories);
  const ready = await staged(open, contents);
  const contentsFrom = disk.operations.length;
  await apply(open.replica, open.folder, ready);
  await apply(open.replica, open.folder, deletions);
  const appliedAt = disk.operations.length;
  await open.replica.signHead();
  const headAt = disk.operations.length;
  const { sequence } = open.replica.state;
  await scanOnDisk(open);
  return { contentsFrom, appliedAt, headAt, sequence };
}

async function userEdits(): Promise<void> {
  const [full, addition] = [join(layout.root, edited), join(layout.root, added.name)];
  await writeFile(full, edit);
  await mkdir(dirname(addition));
  await writeFile(addition, added.bytes);
  const disk = theDisk();
  for (const what of [full, addition, dirname(addition), layout.root]) {
    const { number } = disk.open(what, 0);
    disk.sync(number, 'all');
    disk.close(number);
  }
}

async function stepsOf(open: OpenShare, before: ReadonlyMap<RelPath, Entry>): Promise<ReadyStep[]> {
  const steps: ReadyStep[] = [];
  let counter = 0;
  for (const [name, change] of Object.entries(changes)) {
    const current = before.get(path(name));
    const write = { ...remote, counter: ++counter };
    if (change.after === null) {
      if (current === undefined) throw new Error(`${name} must be there to be deleted`);
      steps.push({ path: path(name), before: current, after: deleteEntry(current, write), work: 'delete' });
      continue;
    }
    const content = await contentOf(open, change.after, change.executable ?? false);
    const after = supersede(current, path(name), content, write);
    steps.push({
      path: path(name),
      before: current,
      after,
      work: change.after === change.before ? 'times' : 'content',
    });
  }
  return steps;
}

async function contentOf(
  { store }: OpenShare,
  state: string | Uint8Array,
  executable: boolean,
): Promise<NewContent> {
  if (state === '/') return { kind: 'directory' };
  if (typeof state === 'string' && state.startsWith('->')) return { kind: 'symlink', target: state.slice(2) };
  const bytes = Uint8Array.from(Buffer.from(state as string));
  const id = chunkIdOf(bytes);
  await store.chunks.put(id, encodeChunk(bytes));
  const recipe = { depth: 0, parts: [{ id, length: bytes.length }] };
  return { kind: 'file', executable, size: bytes.length, recipe };
}

async function staged({ replica, folder }: OpenShare, steps: readonly ReadyStep[]): Promise<ReadyStep[]> {
  const ready: ReadyStep[] = [];
  for (const step of steps) {
    if (step.after?.kind !== 'file' || step.work !== 'content') {
      ready.push(step);
      continue;
    }
    const file = await folder.stage(step.after, fileContent(replica, step.after));
    if ('outcome' in file) throw new Error(`${step.path} cannot be staged: ${file.reason}`);
    ready.push({ ...step, staged: file });
  }
  return ready;
}

/** Opens the share after a crash, lets it recover and scan, and looks at every path. */
async function checkShare(life: Life, count: number): Promise<void> {
  const open = await openOnDisk();
  for await (const [key] of open.store.records('journal')) expect.fail(`${key} is still in the journal`);
  expect(theDisk().list(layout.temporary), 'temporary files').toEqual([]);
  const { actor: own, sequence } = open.replica.state;
  if (count >= life.headAt)
    expect(sequence, 'the number of the last head').toBeGreaterThanOrEqual(life.sequence);
  const { unsettled, held } = await scanOnDisk(open);
  expect({ unsettled, held }).toEqual({ unsettled: [], held: undefined });
  for (const name of Object.keys(changes)) await checkPath(open, life, { name: path(name), count, own });
  for (const [name, text] of Object.entries(untouched)) {
    expect(Buffer.from(await readFile(join(layout.root, name))).toString(), name).toBe(text);
    expect(await entryAt(open, path(name)), name).toEqual(life.before.get(path(name)));
  }
  if (count >= life.editIsSafeAt) await checkAddition(open);
  expect((await scanOnDisk(open)).changed, 'changes found by a second scan').toBe(0);
  await open.close();
}

async function checkAddition(open: OpenShare): Promise<void> {
  expect(Buffer.compare(await readFile(join(layout.root, added.name)), added.bytes), 'the added file').toBe(
    0,
  );
  const entry = await entryAt(open, path(added.name));
  if (entry?.kind !== 'file') expect.fail('the added file is not in the tree');
  expect(Buffer.compare(await inStore(open, entry), added.bytes), 'the added file in the store').toBe(0);
}

async function checkPath(
  open: OpenShare,
  life: Life,
  { name, count, own }: { name: RelPath; count: number; own: string },
): Promise<void> {
  const entry = await entryAt(open, name);
  const [before, after] = [life.before.get(name), life.after.get(name)];
  const found = await open.folder.look(name, new IgnoreRules(''));
  if (name === edited && count >= life.editedAt) {
    // Until the user made the edit durable, the disk may have any part of it.
    if (count < life.editIsSafeAt) return;
    expect(await textAt(name), 'the edit').toBe(edit);
  }
  await checkContent(open, life, { entry, found, name, count });
  if (name === edited && count >= life.editedAt) return;
  const isBefore = sameEntry(entry, before);
  const isAfter = sameEntry(entry, after);
  expect(entry?.version.get(own), `${name} was taken for a write of this device`).toBe(
    before?.version.get(own),
  );
  expect(isBefore || isAfter, `${name} is neither as it was nor as it is to be`).toBe(true);
  if (count >= life.appliedAt) expect(isAfter, `${name} was applied and is as before`).toBe(true);
}

/** What stands there is what the own tree says. */
async function checkContent(
  open: OpenShare,
  life: Life,
  {
    entry,
    found,
    name,
    count,
  }: { entry: Entry | undefined; found: Found | undefined; name: RelPath; count: number },
): Promise<void> {
  const kind = entry === undefined || entry.kind === 'deleted' ? undefined : entry.kind;
  expect(found?.kind, `what stands at ${name}`).toBe(kind);
  if (entry?.kind === 'symlink') expect(found).toMatchObject({ target: entry.target });
  if (entry?.kind !== 'file') return;
  const [bytes, expected] = [await readFile(join(layout.root, name)), await inStore(open, entry)];
  const isSame = Buffer.compare(bytes, expected) === 0;
  if (!isSame && count >= life.contentsFrom && sameEntry(entry, life.after.get(name)))
    expect(isTornUnseen(bytes, expected), `the bytes at ${name} are torn, no more`).toBe(true);
  else expect(isSame, `the bytes at ${name} are those of its entry`).toBe(true);
  expect(found).toMatchObject({ stat: { executable: entry.executable } });
}

/**
 * Zeros where there should be bytes, and the length as it should be: so the stat is what it was, and a scan cannot see it.
 * The journal covers a file only until it is entered in the tree; then `shoal verify` finds this, as bit rot.
 */
function isTornUnseen(bytes: Uint8Array, expected: Uint8Array): boolean {
  return bytes.length === expected.length && bytes.every((byte, at) => byte === 0 || byte === expected[at]);
}

async function inStore({ replica }: OpenShare, entry: FileEntry): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of fileContent(replica, entry)) parts.push(part);
  return Buffer.concat(parts);
}

function entryAt({ replica }: OpenShare, name: RelPath): Promise<Entry | undefined> {
  return replica.tree.get(replica.root, name);
}

async function textAt(name: RelPath): Promise<string> {
  return Buffer.from(await readFile(join(layout.root, name))).toString();
}

/** Takes over the changes, and looks at `states` crashes in the course of it. */
export async function playShareCrashes({ seed, states }: { seed: number; states: number }): Promise<void> {
  seedCrypto(seed);
  const prepared = await prepare(await shareAtRest());
  const life = { ...prepared, ...(await carryOut(prepared)) };
  await prepared.open.close();
  expect(life.disk.openPaths(), 'files left open').toEqual([]);
  await everyCrash(life.disk, { states: Math.floor(states / 2), seed }, async (disk, crash) => {
    await checkShare(life, crash.count);
    // And the mending is cut off as well.
    mountAfter(disk, someCrash(disk, new SeededChoice(crash.seed)));
    await checkShare({ ...life, contentsFrom: 0 }, crash.count);
  });
}

const never = Number.POSITIVE_INFINITY;
const nothingDone = { contentsFrom: never, appliedAt: never, headAt: never, sequence: 0 };

/** What goes wrong while the changes are taken over. */
export interface FaultPlan {
  readonly code: string;
  readonly kinds: readonly Call['what'][];
  readonly goesOn: boolean;
  /** The calls that fail, one in each run: every `stride`th from this one on. */
  readonly first: number;
  readonly stride: number;
}

/**
 * Takes over the changes again and again, each time with a fault at a later call, and looks at the share after the process
 * has ended. @returns the errors that were told
 */
export async function playShareFaults({ code, kinds, goesOn, first, stride }: FaultPlan): Promise<unknown[]> {
  const errors: unknown[] = [];
  const atRest = await shareAtRest();
  for (let number = first; ; number += stride) {
    seedCrypto(number);
    const prepared = await prepare(atRest.settled());
    const { disk, open } = prepared;
    const calls = disk.calls;
    disk.fault = faultAt(calls + number, code, kinds, { goesOn });
    await carryOut(prepared).catch((error: unknown) => errors.push(error));
    await open.close().catch((error: unknown) => errors.push(error));
    disk.fault = () => undefined;
    const isOver = disk.calls < calls + number;
    await checkShare({ ...prepared, ...nothingDone }, disk.operations.length).catch((cause: unknown) => {
      throw new Error(`after ${code} at call ${number}: ${String(cause)}`, { cause });
    });
    if (isOver) return errors;
  }
}
