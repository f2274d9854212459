/** `shoal gc` for people. */
import type { CollectProgress, CollectResult } from '../share/index.js';
import { countOf, formatBytes, formatSeconds, shortId } from './format.js';
import type { Output } from './output.js';

/** The line is rewritten at most so often. */
const redrawMs = 100;

/** Shows what a collection is at. */
export class CollectProgressLine {
  readonly #output: Output;
  readonly #now: () => number;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  update(progress: CollectProgress): void {
    const now = this.#now();
    if (progress.phase !== 'waiting' && now - this.#drawnAt < redrawMs) return;
    this.#drawnAt = now;
    this.#output.progress(words(progress));
  }
}

function words(progress: CollectProgress): string {
  switch (progress.phase) {
    case 'waiting':
      return 'waiting until the scan, transfer or verification that is under way has ended';
    case 'marking':
      return `looking for what is needed: ${countOf(progress.nodes, 'node')}`;
    case 'sweeping': {
      const { chunks, deleted, packs, packsToDo } = progress;
      const rest = packsToDo === 0 ? '' : `, ${packs} of ${countOf(packsToDo, 'pack')} emptied`;
      return `${countOf(chunks, 'chunk')} looked at, ${deleted} freed${rest}`;
    }
  }
}

/** @returns lines */
export function describeCollect(result: CollectResult): string[] {
  if (result.unreadable !== null) {
    return [
      `Nothing was freed: chunk ${shortId(result.unreadable)} cannot be read, and it says what else is needed. ` +
        'Run `shoal verify`; if only an old state needs it, drop that one with --keep, for example --keep 1d.',
    ];
  }
  const { roots, freed, packs, store, seconds } = result;
  const lines = [
    `Freed ${countOf(freed.chunks, 'chunk')} of ${formatBytes(freed.bytes)} in ${formatSeconds(seconds)}; ` +
      `the store has ${formatBytes(store.bytesAfter)}, it had ${formatBytes(store.bytesBefore)}.`,
    `${countOf(roots.kept, 'state')} of the folder kept, ${roots.dropped} dropped.`,
  ];
  if (packs.withoutRoom > 0)
    lines.push(
      `${countOf(packs.withoutRoom, 'pack')} could not be rewritten: the disk has no room for the copy. Free some space and run \`shoal gc\` again.`,
    );
  if (!result.ok)
    lines.push(
      'Damage was found, and everything around it was kept: run `shoal verify`, then `shoal gc` again.',
    );
  return lines;
}
