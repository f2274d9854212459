/**
 * The state that a power cut leaves after the first `count` operations of a disk: everything synced, and of the rest
 * whatever the seed says. The same disk, count and seed give the same state.
 *
 * Names: each operation on names is all there or not at all, a rename between directories too. One is sure once a directory
 * that it changed was synced after it; the others are kept as a whole, not at all, up to some point (journals: ext4, xfs) or each by chance (an
 * fsync that logs one inode: btrfs). What no kept name leads to is gone.
 */
import { SeededChoice } from '../seeded-choice.js';
import { type DataFate, FileHistory } from './file-history.js';
import { type Birth, Inode } from './inode.js';
import type { NameChange, Operation } from './operation.js';

/** A disk's inodes, by number; the root directory is `rootNumber`. */
export type Inodes = Map<number, Inode>;
export const rootNumber = 1;

interface NameStep {
  readonly at: number;
  readonly operation: Extract<Operation, { kind: 'names' }>;
  isSynced: boolean;
}

type NamesFate = 'all' | 'none' | 'first' | 'any';

export function inodesAfterCrash(
  start: ReadonlyMap<number, Inode>,
  operations: readonly Operation[],
  { count, seed }: { readonly count: number; readonly seed: number },
): Inodes {
  const choice = new SeededChoice(seed);
  const { files, steps } = replay(start, operations, count);
  const kept = keptSteps(steps, count, choice);
  const directories = namesOf(start, kept);
  const namedAt = new Map<number, number>();
  for (const { at, operation } of kept) for (const { inode } of operation.touched) namedAt.set(inode, at);
  const inodes: Inodes = new Map();
  const fate = fateOf(choice);
  const reach = (number: number): void => {
    const file = files.get(number);
    if (file === undefined) throw new Error(`inode ${number} has a name and no history`);
    const known = inodes.get(number);
    if (known !== undefined) {
      known.links += 1;
      return;
    }
    const content = file.birth.kind === 'file' ? file.contentAfterCrash(fate(), choice) : new Uint8Array(0);
    const inode = new Inode(file.birth, content);
    inode.attributes = file.attributesAfterCrash(choice, namedAt.get(number) ?? -1);
    inode.links = 1;
    inodes.set(number, inode);
    for (const [name, child] of directories.get(number) ?? []) {
      inode.names.set(name, child);
      reach(child);
    }
  };
  reach(rootNumber);
  return inodes;
}

function replay(
  start: ReadonlyMap<number, Inode>,
  operations: readonly Operation[],
  count: number,
): { files: Map<number, FileHistory>; steps: NameStep[] } {
  const files = new Map<number, FileHistory>();
  for (const inode of start.values()) files.set(inode.number, historyOf(inode));
  const steps: NameStep[] = [];
  const file = (number: number): FileHistory => {
    const history = files.get(number);
    if (history === undefined) throw new Error(`inode ${number} was never made`);
    return history;
  };
  for (const [at, operation] of operations.slice(0, count).entries()) {
    switch (operation.kind) {
      case 'data':
        file(operation.inode).addData(at, operation.data, operation.attributes);
        break;
      case 'attributes':
        file(operation.inode).addAttributes(at, operation.attributes);
        break;
      case 'names': {
        const { made, touched } = operation;
        if (made !== undefined) files.set(made.number, new FileHistory(made, at));
        for (const { inode, attributes } of touched) file(inode).addAttributes(at, attributes);
        steps.push({ at, operation, isSynced: false });
        break;
      }
      case 'sync':
        file(operation.inode).sync(operation.how);
        for (const step of steps)
          if (step.operation.changes.some(({ directory }) => directory === operation.inode))
            step.isSynced = true;
        break;
      case 'failed sync':
        file(operation.inode).failSync();
        break;
    }
  }
  return { files, steps };
}

function historyOf(inode: Inode): FileHistory {
  const { number, kind, target, attributes } = inode;
  const birth: Birth = { number, kind, target, attributes };
  return new FileHistory(birth, -1, kind === 'file' ? inode.content : undefined);
}

function keptSteps(steps: readonly NameStep[], count: number, choice: SeededChoice): NameStep[] {
  const fate = choice.of<NamesFate>(['all', 'none', 'first', 'any', 'any']);
  const until = choice.below(count + 1);
  return steps.filter(({ at, isSynced }) => {
    if (isSynced) return true;
    if (fate === 'any') return choice.below(2) === 0;
    return fate === 'all' || (fate === 'first' && at < until);
  });
}

function namesOf(
  start: ReadonlyMap<number, Inode>,
  kept: readonly NameStep[],
): Map<number, Map<string, number>> {
  const directories = new Map<number, Map<string, number>>();
  for (const { number, names } of start.values()) directories.set(number, new Map(names));
  const change = ({ directory, name, inode }: NameChange): void => {
    const names = directories.get(directory) ?? new Map<string, number>();
    directories.set(directory, names);
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  };
  for (const { operation } of kept) operation.changes.forEach(change);
  return directories;
}

/** The fates of one crash: half of the crashes treat every file alike. */
function fateOf(choice: SeededChoice): () => DataFate {
  const draw = (): DataFate => ({
    sectorBytes: choice.of([512, 4096]),
    sectors: choice.of(['all', 'none', 'first', 'any']),
    size: choice.of(['least', 'most', 'any']),
  });
  const forAll = draw();
  return choice.below(2) === 0 ? () => forAll : draw;
}
