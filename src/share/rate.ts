/** Rates as people write them in flags and settings: `500KB/s`, `5MB/s`, `1.5MiB/s`, or `none`. */
import { ShoalError } from '../error.js';

const bytesOfUnit: Readonly<Record<string, number>> = {
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** Slower than this a chunk of 96 KiB takes so long that peers take its sender for dead. */
export const bytesPerSecondMin = 10_000;
/** The beginning of a text that is no rate is enough for the message. */
const shownMax = 40;

/**
 * @param options.name - what has the value, for the message: `--limit-up`
 * @returns bytes a second, a whole number of at least `bytesPerSecondMin`; undefined for `none`
 * @throws ShoalError USAGE
 */
export function parseRate(text: string, options: { name: string }): number | undefined {
  if (text === 'none') return undefined;
  const match = /^(\d{1,6}(?:\.\d{1,3})?) ?([KMG]i?B)\/s$/.exec(text);
  const bytesPerSecond = Math.round(Number(match?.[1]) * (bytesOfUnit[match?.[2] ?? ''] ?? Number.NaN));
  if (bytesPerSecond >= bytesPerSecondMin) return bytesPerSecond;
  const why = match === null ? 'is not a rate' : `is below ${bytesPerSecondMin / 1000}KB/s`;
  throw new ShoalError(
    'USAGE',
    `${options.name} ${JSON.stringify(text.slice(0, shownMax))} ${why}: write a number of bytes with KB/s, MB/s, GB/s, KiB/s, MiB/s or GiB/s, for example 500KB/s or 1.5MiB/s, or none.`,
  );
}
