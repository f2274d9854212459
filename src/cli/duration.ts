/** Durations as people write them in flags: `30s`, `10m`, `24h`, `7d`. */
import { ShoalError } from '../error.js';
import { printable } from './printable.js';

const msOfUnit: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A timer of Node cannot wait for longer than 2^31 - 1 ms, so a time to wait must be less. */
export const waitDaysMax = 24;
export const expiryDaysMax = 365;
export const keepDaysMax = 3650;

/**
 * @param options.flag - for the message: `--expires`
 * @returns ms, at least 1000 and at most `daysMax` days
 * @throws ShoalError USAGE
 */
export function parseDuration(text: string, options: { flag: string; daysMax: number }): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const ms = Number(match?.[1]) * (msOfUnit[match?.[2] ?? ''] ?? Number.NaN);
  if (!(ms > 0 && ms <= options.daysMax * 86_400_000)) {
    throw new ShoalError(
      'USAGE',
      `${options.flag} ${printable(text)} is not a duration: write a whole number and s, m, h or d, at most ${options.daysMax}d, for example 30s, 10m or 24h.`,
    );
  }
  return ms;
}
