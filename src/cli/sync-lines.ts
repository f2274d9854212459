/** `shoal sync` for people. */
import type { DryRunResult, PeerStatus, SyncResult } from '../share/index.js';
import { describeHeld, listBlocked, listedMax } from './blocked-lines.js';
import { countOf, formatBytes, formatSeconds, shortId } from './format.js';
import { printable } from './printable.js';

/** @returns lines */
export function describeSync(result: SyncResult): string[] {
  const { changed, transfer, held } = result;
  const lines = [
    describeOutcome(result),
    `${countOf(changed.sent, 'own change')}, ${countOf(changed.received, 'file')} received, ${changed.deleted} deleted, ${countOf(changed.conflicts, 'conflict')}`,
    `${formatBytes(transfer.bytesIn)} in, ${formatBytes(transfer.bytesOut)} out, in ${formatSeconds(result.seconds)}`,
  ];
  if (held !== null) lines.push(describeHeld(held));
  if (changed.conflicts > 0) lines.push('Conflicts were found: `shoal status` lists the conflict copies.');
  return [...lines, ...listBlocked(result.blocked)];
}

function describeOutcome({ inSync, held, peers, root, blocked }: SyncResult): string {
  if (held !== null) return 'Not in sync: deletions wait for approval.';
  if (inSync && peers.length === 0)
    return `The share has no other members yet; its root is ${shortId(root)}.`;
  if (inSync) return `In sync with ${countOf(peers.length, 'peer')}: all have the root ${shortId(root)}.`;
  if (blocked.some(({ path }) => path === '.')) return 'Not in sync: nothing can be received, see below.';
  const who = nameThose(peers.filter((peer) => !peer.inSync));
  return `Not in sync: ${who}. Check that \`shoal watch\` runs there, and try again.`;
}

/** `shoal sync --dry-run` for people. @returns lines */
export function describeDryRun(result: DryRunResult): string[] {
  const { changed, paths, held } = result;
  const lines = [
    describeReach(result),
    ...listKind(`${countOf(changed.sent, 'path')} would be sent`, changed.sent, paths.sent),
    ...listKind(`${countOf(changed.received, 'path')} would be received`, changed.received, paths.received),
    ...listKind(`${countOf(changed.deleted, 'path')} would be deleted here`, changed.deleted, paths.deleted),
    ...listKind(
      `${countOf(changed.conflicts, 'conflict copy', 'conflict copies')} would be made`,
      changed.conflicts,
      paths.conflicts,
    ),
  ];
  if (held !== null) lines.push(describeHeld(held));
  return [...lines, ...listBlocked(result.blocked)];
}

function describeReach({ inSync, held, peers, changed }: DryRunResult): string {
  if (!inSync && held === null) {
    const away = peers.filter(({ state }) => state !== 'connected');
    return `Dry run, nothing was changed, and not every member was reached: ${nameThose(away)}. Check that \`shoal watch\` runs there, and try again.`;
  }
  const isNothing = Object.values(changed).every((count) => count === 0);
  return isNothing
    ? 'Dry run: there is nothing to do, and nothing was changed.'
    : 'Dry run: nothing was changed.';
}

function nameThose(peers: readonly PeerStatus[]): string {
  if (peers.length === 0) return 'a peer that was not heard in this run';
  return peers.map(({ name, state }) => `${printable(name)} (${state})`).join(', ');
}

/** Of a list that was cut, the counts still tell all. */
function listKind(title: string, count: number, paths: readonly string[]): string[] {
  if (count === 0) return [];
  const named = paths.slice(0, listedMax).map((path) => `  ${printable(path)}`);
  return [`${title}:`, ...named, ...(count > named.length ? [`  and ${count - named.length} more`] : [])];
}
