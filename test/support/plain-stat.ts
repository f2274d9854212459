/** A stat may decode what is asked of it; here it is as an object that can be compared with others. */
import type { FileStat, Found } from '../../src/folder/index.js';

export function plainStat({ size, mtimeNs, ctimeNs, inode, executable }: FileStat): FileStat {
  return { size, mtimeNs, ctimeNs, inode, executable };
}

export function withPlainStat(found: Found): Found {
  return 'stat' in found ? { ...found, stat: plainStat(found.stat) } : found;
}
