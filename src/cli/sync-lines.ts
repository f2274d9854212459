/** `shoal sync` for people. */
import type { SyncResult } from '../share/index.js';
import { describeHeld, listBlocked } from './blocked-lines.js';
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

function describeOutcome({ inSync, held, peers, root }: SyncResult): string {
  if (held !== null) return 'Not in sync: deletions wait for approval.';
  if (inSync && peers.length === 0)
    return `The share has no other members yet; its root is ${shortId(root)}.`;
  if (inSync) return `In sync with ${countOf(peers.length, 'peer')}: all have the root ${shortId(root)}.`;
  const behind = peers
    .filter((peer) => !peer.inSync)
    .map((peer) => `${printable(peer.name)} (${peer.state})`);
  const who = behind.length > 0 ? behind.join(', ') : 'a peer that was not heard in this run';
  return `Not in sync: ${who}. Check that \`shoal watch\` runs there, and try again.`;
}
