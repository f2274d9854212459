/** `shoal verify` for people. */
import type { VerifyResult } from '../share/index.js';
import { listSome } from './blocked-lines.js';
import { countOf, formatBytes, formatSeconds, shortId } from './format.js';
import { printable } from './printable.js';

/** @returns lines */
export function describeVerify(result: VerifyResult): string[] {
  const { files, chunks } = result;
  return [
    describeOutcome(result),
    ...(result.rebuilt
      ? [
          'The index of the store was damaged and was made again; its old files are kept in .shoal/quarantine.',
        ]
      : []),
    ...listed('damaged files', files.damaged),
    ...listed('missing files', files.missing),
    ...listed('damaged chunks', chunks.damaged),
    ...listed('missing chunks', chunks.missing),
    ...listed(
      'damaged packs',
      result.packs.damaged.map(
        ({ pack, problem }) => `${pack === 0 ? 'the index' : `pack ${pack}`}: ${problem}`,
      ),
    ),
    ...listed(
      'not repaired',
      result.left.map(
        ({ kind, name, reason }) => `${kind === 'file' ? name : `${kind} ${shortId(name)}`}: ${reason}`,
      ),
    ),
    ...describeChanged(files.changed),
    ...describeRest(result),
    ...describeQuarantine(result),
  ];
}

function describeOutcome({ files, chunks, seconds, repaired, unrepaired, left }: VerifyResult): string {
  const checked = `${countOf(files.checked, 'file')} and ${countOf(chunks.checked, 'chunk')} read in ${formatSeconds(seconds)}`;
  if (repaired === 0 && unrepaired === 0) return `No damage: ${checked}.`;
  if (unrepaired === 0) return `Damage found and repaired (${countOf(repaired, 'thing')}): ${checked}.`;
  const advice =
    left.length > 0
      ? 'run `shoal verify --repair` again when more peers can be reached'
      : 'run `shoal verify --repair`';
  return `Damage found, ${repaired} repaired and ${unrepaired} not: ${checked}. To repair it, ${advice}.`;
}

function describeChanged(changed: number): string[] {
  if (changed === 0) return [];
  return [`${countOf(changed, 'file')} changed since the last scan: not looked into, and no damage.`];
}

function describeRest({ rest }: VerifyResult): string[] {
  if (rest === null) return [];
  const after = rest.after === null ? '' : `, after ${printable(rest.after)}`;
  return [`Not everything was read: the next one with --limit goes on with the ${rest.part}${after}.`];
}

function describeQuarantine({ quarantine: { path, files, bytes } }: VerifyResult): string[] {
  if (files === 0) return [];
  return [
    `${countOf(files, 'damaged file is', 'damaged files are')} kept in ${path} (${formatBytes(bytes)}): look through them, and remove them when you like.`,
  ];
}

function listed(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${title}:`, ...listSome(items)];
}
