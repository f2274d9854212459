/**
 * A few devices that write, delete and merge, each with its own root over one node store, and an account of every
 * write: what it superseded. The account knows nothing of versions; it only looks at what a writer saw.
 */
import fc from 'fast-check';
import type { ChunkId } from '../../src/chunking/index.js';
import { conflictOfEntry } from '../../src/manifest/entry.js';
import {
  deleteEntry,
  type Entry,
  mergeTrees,
  mtimeNsOf,
  type NewContent,
  type RelPath,
  supersede,
  type Tree,
  type Write,
} from '../../src/manifest/index.js';
import { actor, content, memoryTree, path } from './memory-nodes.js';

export type Step =
  | { type: 'write'; device: number; target: number; text: number; mtime: number }
  | { type: 'delete'; device: number; target: number }
  | { type: 'merge'; device: number; from: number }
  /** The device puts only the first few differences of a merge in place: it was stopped. */
  | { type: 'broken-merge'; device: number; from: number; applied: number };

const names = ['x.txt', 'y'].map(path);
const kinds: NewContent[] = [
  content('one'),
  content('two'),
  content('three'),
  { kind: 'symlink', target: 'one' },
  { ...content('one'), executable: true },
];

export function stepsOf(devices: number, options: { broken?: boolean } = {}): fc.Arbitrary<Step> {
  const device = fc.nat(devices - 1);
  const target = fc.nat(30);
  const write = fc.record({
    type: fc.constant('write' as const),
    device,
    target,
    text: fc.nat(kinds.length - 1),
    mtime: fc.nat(4),
  });
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
    { arbitrary: broken, weight: options.broken === true ? 2 : 0 },
  );
}

interface Account {
  readonly path: RelPath;
  readonly content: NewContent;
  isSuperseded: boolean;
}

export class SimulatedDevices {
  readonly tree: Tree;
  readonly roots: ChunkId[] = [];
  /** Every write ever made, by actor and counter. */
  readonly writes = new Map<string, Account>();
  /** Every root any device ever had. */
  readonly history: ChunkId[] = [];
  readonly #counters: number[] = [];

  constructor() {
    this.tree = memoryTree().tree;
  }

  static async run(devices: number, steps: readonly Step[]): Promise<SimulatedDevices> {
    const simulation = new SimulatedDevices();
    for (let i = 0; i < devices; i++) {
      simulation.roots.push(await simulation.tree.emptyRoot());
      simulation.#counters.push(0);
    }
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

  /** All devices merge with all others, until nothing changes. @returns the roots, which should be one */
  async converge(): Promise<ChunkId[]> {
    const devices = this.roots.map((_, device) => device);
    for (let round = 0; round < 4; round++) {
      for (const device of devices)
        for (const from of devices) await this.#take({ type: 'merge', device, from });
    }
    return this.roots;
  }

  async #take(step: Step): Promise<void> {
    const root = this.rootOf(step.device);
    if (step.type === 'merge') {
      this.roots[step.device] = await mergeTrees(this.tree, root, this.rootOf(step.from));
    } else if (step.type === 'broken-merge') {
      this.roots[step.device] = await this.#applyPartly(
        root,
        await mergeTrees(this.tree, root, this.rootOf(step.from)),
        step.applied,
      );
    } else {
      await this.#change(step, root);
    }
  }

  /** What is displaced goes in first, what goes away without a trace last: the order a device must keep. */
  async #applyPartly(own: ChunkId, merged: ChunkId, applied: number): Promise<ChunkId> {
    const differences: { path: RelPath; right?: Entry }[] = [];
    for await (const difference of this.tree.diff(own, merged)) differences.push(difference);
    const rank = ({ right }: { right?: Entry }): number => {
      if (right === undefined) return 2;
      return right.kind !== 'deleted' && right.writes.some(({ displaced }) => displaced) ? 0 : 1;
    };
    const chosen = differences.sort((a, b) => rank(a) - rank(b)).slice(0, applied);
    return this.tree.change(own, new Map(chosen.map(({ path: at, right }) => [at, right])));
  }

  async #change(step: Extract<Step, { type: 'write' | 'delete' }>, root: ChunkId): Promise<void> {
    const live = (await this.entriesOf(root))
      .filter(({ kind }) => kind !== 'deleted')
      .map((entry) => entry.path);
    const targets = [...new Set([...names, ...live])];
    const at = targets[step.target % targets.length];
    if (at === undefined) return;
    const seen = await this.tree.get(root, at);
    if (step.type === 'delete' && (seen === undefined || seen.kind === 'deleted')) return;
    const counter = (this.#counters[step.device] ?? 0) + 1;
    this.#counters[step.device] = counter;
    const write: Write = {
      actor: actor(step.device + 1),
      counter,
      mtimeNs: step.type === 'write' ? BigInt(step.mtime) : 0n,
    };
    if (seen !== undefined && seen.kind !== 'deleted') {
      for (const dot of seen.writes) {
        const account = this.writes.get(`${dot.actor}:${dot.counter}`);
        if (account !== undefined) account.isSuperseded = true;
      }
    }
    const next =
      step.type === 'write'
        ? supersede(seen, at, kinds[step.text] ?? content(''), write)
        : deleteEntry(seen as Entry, write);
    if (step.type === 'write') {
      this.writes.set(`${write.actor}:${counter}`, {
        path: at,
        content: kinds[step.text] ?? content(''),
        isSuperseded: false,
      });
    }
    this.roots[step.device] = await this.tree.apply(root, [next]);
  }
}

/** One entry for a failure message. */
export function shown(entry: Entry): string {
  const version = [...entry.version]
    .map(([id, counter]) => `${Number(id)}:${counter}${entry.overtaken?.includes(id) ? '' : '*'}`)
    .join(' ');
  const writes =
    entry.kind === 'deleted'
      ? ''
      : entry.writes
          .map((write) => `${Number(write.actor)}:${write.counter}${write.displaced ? '>' : ''}`)
          .join(' ');
  return `${entry.path} ${entry.kind} {${version}} [${writes}] ${mtimeNsOf(entry)} ${conflictOfEntry(entry) ?? ''}`;
}
