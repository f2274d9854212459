/** `shoal verify` for people. */
import type { VerifyResult } from '../share/index.js';
import { listSome } from './blocked-lines.js';
import { countOf, formatSeconds } from './format.js';

/** @returns lines */
export function describeVerify({ ok, files, chunks, seconds }: VerifyResult): string[] {
  const checked = `${countOf(files.checked, 'file')} and ${countOf(chunks.checked, 'chunk')} read in ${formatSeconds(seconds)}`;
  const changed =
    files.changed > 0
      ? [`${countOf(files.changed, 'file')} changed since the last scan: not looked into, and no damage.`]
      : [];
  if (ok) return [`No damage: ${checked}.`, ...changed];
  return [
    `Damage found: ${checked}. Keep the peers' copies, and restore what is listed from them.`,
    ...listed('damaged files', files.damaged),
    ...listed('missing files', files.missing),
    ...listed('damaged chunks', chunks.damaged),
    ...listed('missing chunks', chunks.missing),
    ...changed,
  ];
}

function listed(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${title}:`, ...listSome(items)];
}
