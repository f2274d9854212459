/**
 * A few devices that write, delete and merge, each with its own root over one node store, and an account of every
 * write: whether somebody who saw it wrote over it. The account knows nothing of versions; it only looks at what a
 * writer saw.
 */
import fc from 'fast-check';
import type { ChunkId } from '../../src/chunking/index.js';
import {
  deleteEntry,
  type Entry,
  mendFault,
  mergeTrees,
  mtimeNsOf,
  type NewContent,
  originOfDisplaced,
  type RelPath,
  sameContent,
  structureFaults,
  supersede,
  type Tree,
  type Write,
} from '../../src/manifest/index.js';
import { actor, content, memoryTree, path } from './memory-nodes.js';

export type Step =
  | { type: 'write'; device: number; target: number; what: number; mtime: number }
  | { type: 'delete'; device: number; target: number }
  | { type: 'merge'; device: number; from: number }
  /** The device puts only the first few differences of a merge in place: it was stopped. */
  | { type: 'broken-merge'; device: number; from: number; applied: number };

export interface World {
  readonly devices: number;
  /** Where things are written, beside where something is already. */
  readonly names: readonly string[];
  readonly contents: readonly NewContent[];
  /** Merges may be stopped half-way. */
  readonly breaks?: boolean;
  /** Devices mend the structure after each merge, and keep it when they write. */
  readonly mends?: boolean;
}

export const files: readonly NewContent[] = [
  content('one'),
  content('two'),
  content('three'),
  { kind: 'symlink', target: 'one' },
  { ...content('one'), executable: true },
];

export function stepsOf(world: World): fc.Arbitrary<Step> {
  const device = fc.nat(world.devices - 1);
  const target = fc.nat(30);
  const what = fc.nat(world.contents.length - 1);
  const write = fc.record({ type: fc.constant('write' as const), device, target, what, mtime: fc.nat(4) });
  const remove = fc.record({ type: fc.constant('delete' as const), device, target });
  const merge = fc.record({ type: fc.constant('merge' as const), device, from: device });
  const broken = fc.record({
    type: fc.constant('broken-merge' as const),
    device,
    from: device,
    applied: fc.nat(4),
  });
  return fc.oneof(
    { arbitrary: write, weight: 4 },
    { arbitrary: remove, weight: 2 },
    { arbitrary: merge, weight: 3 },
    { arbitrary: broken, weight: world.breaks === true ? 2 : 0 },
  );
}

/** One write at one path. */
interface Account {
  readonly dot: string;
  readonly path: RelPath;
  readonly content: NewContent;
  isSuperseded: boolean;
}

export class SimulatedDevices {
  readonly tree: Tree = memoryTree().tree;
  readonly roots: ChunkId[] = [];
  readonly accounts: Account[] = [];
  /** Every root any device ever had. */
  readonly history: ChunkId[] = [];
  readonly #world: World;
  readonly #counters: number[] = [];

  private constructor(world: World) {
    this.#world = world;
  }

  static async run(world: World, steps: readonly Step[]): Promise<SimulatedDevices> {
    const simulation = new SimulatedDevices(world);
    for (let i = 0; i < world.devices; i++) simulation.roots.push(await simulation.tree.emptyRoot());
    for (const step of steps) {
      await simulation.#take(step);
      simulation.history.push(simulation.rootOf(step.device));
    }
    return simulation;
  }

  rootOf(device: number): ChunkId {
    const root = this.roots[device];
    if (root === undefined) throw new Error(`no device ${device}`);
    return root;
  }

  async entriesOf(root: ChunkId): Promise<Entry[]> {
    const entries: Entry[] = [];
    for await (const entry of this.tree.entries(root)) entries.push(entry);
    return entries;
  }

  /** All devices merge what all others had, at once, until all have one root. @throws if they go on changing */
  async converge(): Promise<ChunkId> {
    for (let round = 0; round < 10; round++) {
      const before = [...this.roots];
      if (new Set(before).size === 1) return this.rootOf(0);
      for (const device of before.keys()) for (const root of before) await this.#merge(device, root);
    }
    throw new Error('the devices do not converge');
  }

  /** How often the writes of `account` stand in `entries`, with their content. */
  standing(entries: readonly Entry[], { dot, content: made }: Account): number {
    return entries.filter(
      (entry) =>
        entry.kind !== 'deleted' &&
        sameContent(entry, made) &&
        entry.writes.some((write) => dotOf(write) === dot),
    ).length;
  }

  async #take(step: Step): Promise<void> {
    const root = this.rootOf(step.device);
    if (step.type === 'merge') {
      await this.#merge(step.device, this.rootOf(step.from));
    } else if (step.type === 'broken-merge') {
      const merged = await mergeTrees(this.tree, root, this.rootOf(step.from));
      this.roots[step.device] = await this.#applyPartly(root, merged, step.applied);
    } else {
      await this.#change(step, root);
    }
  }

  async #merge(device: number, other: ChunkId): Promise<void> {
    const own = this.rootOf(device);
    const merged = await mergeTrees(this.tree, own, other);
    this.roots[device] = this.#world.mends === true ? await this.#mend(device, own, merged) : merged;
  }

  async #mend(device: number, own: ChunkId, merged: ChunkId): Promise<ChunkId> {
    const changed: RelPath[] = [];
    for await (const difference of this.tree.diff(own, merged)) changed.push(difference.path);
    const entries: Entry[] = [];
    for (const fault of await structureFaults(this.tree, merged, changed)) {
      this.#supersede(fault.entry);
      this.#supersede(fault.refuge?.entry);
      const write = this.#nextWrite(device, 0n);
      for (const entry of mendFault(fault, write)) {
        entries.push(entry);
        if (entry.kind !== 'deleted') this.#account(write, entry.path, entry);
      }
    }
    return this.tree.apply(merged, entries);
  }

  /** What is displaced goes in first, what goes away without a trace last: the order a device must keep. */
  async #applyPartly(own: ChunkId, merged: ChunkId, applied: number): Promise<ChunkId> {
    const differences: { path: RelPath; right?: Entry }[] = [];
    for await (const difference of this.tree.diff(own, merged)) differences.push(difference);
    const rank = ({ right }: { right?: Entry }): number => {
      if (right === undefined) return 2;
      return originOfDisplaced(right) === undefined ? 1 : 0;
    };
    const chosen = differences.sort((a, b) => rank(a) - rank(b)).slice(0, applied);
    return this.tree.change(own, new Map(chosen.map(({ path: at, right }) => [at, right])));
  }

  async #change(step: Extract<Step, { type: 'write' | 'delete' }>, root: ChunkId): Promise<void> {
    const live = (await this.entriesOf(root))
      .filter(({ kind }) => kind !== 'deleted')
      .map((entry) => entry.path);
    const targets = [...new Set([...this.#world.names.map(path), ...live])];
    const at = targets[step.target % targets.length] ?? path('x');
    const seen = await this.tree.get(root, at);
    const made = step.type === 'write' ? this.#world.contents[step.what] : undefined;
    if (seen === undefined || seen.kind === 'deleted') if (made === undefined) return;
    const write = this.#nextWrite(step.device, step.type === 'write' ? BigInt(step.mtime) : 0n);
    const next = made === undefined ? deleteEntry(seen as Entry, write) : supersede(seen, at, made, write);
    const changed = await this.tree.apply(root, [next]);
    if (this.#world.mends === true && (await structureFaults(this.tree, changed, [at])).length > 0) return;
    this.#supersede(seen);
    if (made !== undefined) this.#account(write, at, made);
    this.roots[step.device] = changed;
  }

  #nextWrite(device: number, mtimeNs: bigint): Write {
    const counter = (this.#counters[device] ?? 0) + 1;
    this.#counters[device] = counter;
    return { actor: actor(device + 1), counter, mtimeNs };
  }

  #account(write: Write, at: RelPath, made: NewContent): void {
    this.accounts.push({ dot: dotOf(write), path: at, content: made, isSuperseded: false });
  }

  /** A writer saw `entry` and put something else there. */
  #supersede(entry: Entry | undefined): void {
    if (entry === undefined || entry.kind === 'deleted') return;
    const dots = new Set(entry.writes.map(dotOf));
    for (const account of this.accounts)
      if (dots.has(account.dot) && sameContent(account.content, entry)) account.isSuperseded = true;
  }
}

/** One entry for a failure message. */
export function shown(entry: Entry): string {
  const version = [...entry.version].map(
    ([id, counter]) => `${Number(id)}:${counter}${entry.overtaken?.includes(id) ? '' : '*'}`,
  );
  const writes =
    entry.kind === 'deleted'
      ? []
      : entry.writes.map((write) => `${dotOf(write)}${write.displaced ? '>' : ''}`);
  const origin = entry.kind === 'file' || entry.kind === 'symlink' ? entry.conflictOf : undefined;
  return `${entry.path} ${entry.kind} {${version.join(' ')}} [${writes.join(' ')}] ${mtimeNsOf(entry)} ${origin ?? ''}`;
}

function dotOf({ actor: id, counter }: Write): string {
  return `${Number(`0x${id}`)}:${counter}`;
}
