/** Numbers for people: sizes, rates, durations, counts. Sizes are decimal: 1 KB is 1000 bytes. */

const sizeUnits = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
/** From this on a unit is too small: 999.95 would print as 1000. */
const rollOver = 999.95;

/** `1.5 MB`, `64 MB`, `999 B`: at most one decimal, and none where it is zero. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= rollOver && unit < sizeUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${trimmed(value)} ${sizeUnits[unit]}`;
}

/** `12.5 MB/s` */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `0.4 s`, `12 s`, `2 min 5 s`, `1 h 3 min`, `2 d 4 h`: two units at most. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${trimmed(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return pair([Math.floor(whole / 60), 'min'], [whole % 60, 's']);
  if (whole < 86_400) return pair([Math.floor(whole / 3600), 'h'], [Math.floor((whole % 3600) / 60), 'min']);
  return pair([Math.floor(whole / 86_400), 'd'], [Math.floor((whole % 86_400) / 3600), 'h']);
}

/** `78,579` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 file`, `2 files`; `countOf(2, 'directory', 'directories')` */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** The beginning of an id, enough to tell devices and roots apart by eye. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '');
}

function pair([big, bigUnit]: [number, string], [small, smallUnit]: [number, string]): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}
