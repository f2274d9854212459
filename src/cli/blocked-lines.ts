/** The paths that a share cannot take or put in place, for people. */
import { countOf } from './format.js';

/** Of a long list only the beginning is printed: `--json` has it all. */
export const listedMax = 20;

export interface Blocked {
  readonly path: string;
  readonly reason: string;
}

/** Lines, none if nothing is blocked. */
export function listBlocked(blocked: readonly Blocked[]): string[] {
  if (blocked.length === 0) return [];
  return [
    `${countOf(blocked.length, 'path is', 'paths are')} blocked and not synced:`,
    ...listSome(blocked.map(({ path, reason }) => `${path}: ${reason}`)),
  ];
}

/** The first of `items`, indented, and how many more there are. */
export function listSome(items: readonly string[]): string[] {
  const lines = items.slice(0, listedMax).map((item) => `  ${item}`);
  if (items.length > listedMax) lines.push(`  and ${items.length - listedMax} more (see --json)`);
  return lines;
}

export function describeHeld(held: { readonly deletions: number; readonly of: number }): string {
  return `${countOf(held.deletions, 'deletion')} of ${countOf(held.of, 'file')} held back: if they are meant, run \`shoal approve\`.`;
}
