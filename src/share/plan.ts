/**
 * The plan from the own tree to a merged one: what to do at each path, in an order that keeps the folder whole.
 *
 * Order: first what stands in the way of another kind of thing, then directories from the top, then files and
 * symlinks, small ones first, then deletions from the bottom. So a rename puts the new name in place before the
 * old one goes, and a broken pull leaves the old files.
 */
import type { ChunkId } from '../chunking/index.js';
import {
  type Entry,
  isUnder,
  mtimeNsOf,
  originOfDisplaced,
  type RelPath,
  sameContent,
  type Tree,
} from '../manifest/index.js';

export interface Step {
  readonly path: RelPath;
  /** The own entry when the plan was made; the step holds only while it stands. */
  readonly before: Entry | undefined;
  /** The entry to have; undefined: the path goes away without a trace (a conflict copy that was settled elsewhere). */
  readonly after: Entry | undefined;
  /** What the folder must be made to hold. */
  readonly work: 'record' | 'times' | 'content' | 'delete';
}

export interface Plan {
  readonly clearing: readonly Step[];
  readonly directories: readonly Step[];
  readonly contents: readonly Step[];
  readonly deletions: readonly Step[];
}

export async function makePlan(tree: Tree, own: ChunkId, merged: ChunkId): Promise<Plan> {
  const steps: Step[] = [];
  for await (const { path, left, right } of tree.diff(own, merged)) {
    steps.push({ path, before: left, after: right, work: workOf(left, right) });
  }
  const turned = steps
    .filter(({ before, after }) => before?.kind === 'directory' && isLeaf(after))
    .map(({ path }) => path);
  const deletions = steps.filter(({ work }) => work === 'delete').reverse();
  return {
    clearing: deletions.filter(({ path }) => turned.some((directory) => isUnder(path, directory))),
    directories: steps.filter(({ after, work }) => work !== 'delete' && after?.kind === 'directory'),
    contents: steps
      .filter(({ after, work }) => work !== 'delete' && after?.kind !== 'directory')
      .sort((a, b) => sizeOf(a) - sizeOf(b)),
    deletions: deletions.filter(({ path }) => !turned.some((directory) => isUnder(path, directory))),
  };
}

/** The path that lost what this step makes stand here, if the step makes a conflict copy. */
export function originOfCopy({ before, after }: Step): RelPath | undefined {
  const isNew = before === undefined || before.kind === 'deleted';
  const madeOf =
    isNew && (after?.kind === 'file' || after?.kind === 'symlink') ? after.conflictOf : undefined;
  return originOfDisplaced(after) ?? madeOf;
}

/** A plan in three parts that are carried out one after the other. */
export interface OrderedPlan {
  readonly first: Pick<Plan, 'directories' | 'contents'>;
  readonly main: Pick<Plan, 'clearing' | 'directories' | 'contents'>;
  readonly last: Pick<Plan, 'contents' | 'deletions'>;
}

/**
 * The order in which a merge may be stopped anywhere and lose nothing. The entry at a path says which of its writes
 * are known, and a write that is known and stands nowhere counts as superseded. So conflict copies come before the
 * entry they lost to, with the directories they need, and copies that are settled go only after it.
 */
export function inFamilyOrder({ clearing, directories, contents, deletions }: Plan): OrderedPlan {
  const isCopy = (step: Step): boolean => originOfCopy(step) !== undefined;
  const isSettled = (step: Step): boolean => originOfDisplaced(step.before) !== undefined && !isCopy(step);
  const copies = contents.filter(isCopy);
  const isNewParent = (step: Step): boolean =>
    (step.before === undefined || step.before.kind === 'deleted') &&
    copies.some(({ path }) => isUnder(path, step.path));
  return {
    first: { directories: directories.filter(isNewParent), contents: copies },
    main: {
      clearing: clearing.filter((step) => !isSettled(step)),
      directories: directories.filter((step) => !isNewParent(step)),
      contents: contents.filter((step) => !isCopy(step) && !isSettled(step)),
    },
    last: {
      contents: contents.filter(isSettled),
      deletions: [...clearing.filter(isSettled), ...deletions],
    },
  };
}

function workOf(before: Entry | undefined, after: Entry | undefined): Step['work'] {
  const isGone = after === undefined || after.kind === 'deleted';
  const wasThere = before !== undefined && before.kind !== 'deleted';
  if (isGone) return wasThere ? 'delete' : 'record';
  if (!wasThere || !sameContent(before, after)) return 'content';
  if (after.kind !== 'directory' && mtimeNsOf(before) !== mtimeNsOf(after)) return 'times';
  return 'record';
}

function isLeaf(entry: Entry | undefined): boolean {
  return entry?.kind === 'file' || entry?.kind === 'symlink';
}

function sizeOf({ after, work }: Step): number {
  return work === 'content' && after?.kind === 'file' ? after.size : 0;
}
