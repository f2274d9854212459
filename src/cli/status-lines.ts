/** `shoal status` for people. */
import type { PeerStatus, Status } from '../share/index.js';
import { describeHeld, listBlocked, listSome } from './blocked-lines.js';
import { countOf, formatBytes, formatSeconds, shortId } from './format.js';
import type { Style } from './output.js';
import { printable } from './printable.js';
import { renderTable } from './table.js';

export interface StatusView {
  readonly path: string;
  /** unix ms */
  readonly now: number;
  readonly paint: (style: Style, text: string) => string;
}

/** @returns lines */
export function describeStatus(status: Status, view: StatusView): string[] {
  const { store, pending } = status;
  const lines = [
    `share    ${shortId(status.share)} in ${printable(view.path)}`,
    `device   ${shortId(status.device)} (${printable(status.name)}, ${printable(status.role)})`,
    `root     ${shortId(status.root)}`,
    `holds    ${countOf(status.files, 'file')} in ${countOf(status.directories, 'directory', 'directories')}, ${formatBytes(status.bytes)}`,
    `store    ${countOf(store.chunks, 'chunk')}, ${formatBytes(store.bytes)} for ${formatBytes(store.plainBytes)}, hash ${printable(store.hash)}`,
    `disk     ${describeCost(status)}`,
    `state    ${describeState(status, view)}`,
  ];
  if (pending.files > 0)
    lines.push(`to come  ${countOf(pending.files, 'file')}, ${formatBytes(pending.bytes)}`);
  lines.push('', ...describePeers(status.peers, view.now));
  if (store.damaged > 0)
    lines.push('', `${countOf(store.damaged, 'chunk is', 'chunks are')} damaged: run \`shoal verify\`.`);
  if (status.held !== null) lines.push('', describeHeld(status.held));
  if (status.conflicts.length > 0) {
    lines.push('', `${countOf(status.conflicts.length, 'conflict copy', 'conflict copies')}:`);
    lines.push(...listSome(status.conflicts));
  }
  if (status.blocked.length > 0) lines.push('', ...listBlocked(status.blocked));
  return lines;
}

function describeCost({ store, bytes }: Status): string {
  const ratio = bytes === 0 ? '' : `, ${Math.round((store.diskBytes / bytes) * 100)} % of the folder`;
  const kept = store.quarantineBytes === 0 ? '' : `, ${formatBytes(store.quarantineBytes)} in quarantine`;
  return `the store takes ${formatBytes(store.diskBytes)}${ratio}${kept}`;
}

function describeState(status: Status, { paint }: StatusView): string {
  const { host, port } = status.address;
  const running = status.watching ? `watching on ${host}:${port}` : 'not watching: run `shoal watch`';
  return `${status.inSync ? paint('green', 'in sync') : paint('yellow', 'not in sync')}, ${running}`;
}

/** A table of the peers, or a line that says there are none. */
export function describePeers(peers: readonly PeerStatus[], now: number): string[] {
  if (peers.length === 0) return ['no peers yet: run `shoal invite` and take the ticket to another machine'];
  return renderTable(
    [
      { title: 'peer' },
      { title: 'device' },
      { title: 'address' },
      { title: 'state' },
      { title: 'in sync' },
      { title: 'last seen' },
    ],
    peers.map(({ name, device, address, state, inSync, lastSeen }) => [
      printable(name),
      shortId(device),
      address === null ? '-' : printable(address),
      state,
      inSync ? 'yes' : 'no',
      lastSeen === null ? 'never' : describeAge(now - Date.parse(lastSeen)),
    ]),
  );
}

function describeAge(ms: number): string {
  return ms < 1000 ? 'now' : `${formatSeconds(ms / 1000)} ago`;
}
