/**
 * Remembers between two processes which tables of LevelDB were found intact, so that a start need not read all of them
 * again: they never change once they are written. The memory is a file that the opening takes away and an orderly
 * closing writes: after a process that was killed, or that LevelDB aborted over a damaged table, every table is
 * checked again. `verify` always checks all of them.
 *
 * Layout, as text: a line for each table with its name, size, mtime and ctime (ns) and inode, then the CRC-32 of all
 * before it.
 */
import { lstat, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { systemCode } from '../error.js';

/** Lies beside the files of LevelDB, which pays no attention to it. */
const fileName = 'checked-tables';
const tableName = /^\d+\.(?:ldb|sst)$/;
const ownerOnly = 0o600;

/** Names of the tables that are what they were when they were checked; all are forgotten. @throws what reading throws */
export async function takeCheckedTables(directory: string): Promise<ReadonlySet<string>> {
  const path = join(directory, fileName);
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return new Set();
    throw error;
  }
  await rm(path);
  const lines = text.split('\n');
  const checksum = lines.pop();
  if (checksum !== checksumOf(lines)) return new Set();
  const known = new Set(lines);
  const checked = new Set<string>();
  for (const name of await readdir(directory))
    if (tableName.test(name) && known.has(await describe(directory, name))) checked.add(name);
  return checked;
}

/** Notes that the tables that are there are intact. For whom LevelDB is closed. @throws what writing throws */
export async function noteCheckedTables(directory: string): Promise<void> {
  const lines: string[] = [];
  for (const name of await readdir(directory))
    if (tableName.test(name)) lines.push(await describe(directory, name));
  const text = [...lines, checksumOf(lines)].join('\n');
  await writeFile(join(directory, fileName), text, { encoding: 'latin1', mode: ownerOnly });
}

async function describe(directory: string, name: string): Promise<string> {
  const { size, mtimeNs, ctimeNs, ino } = await lstat(join(directory, name), { bigint: true });
  return [name, size, mtimeNs, ctimeNs, ino].join(' ');
}

function checksumOf(lines: readonly string[]): string {
  return crc32(lines.join('\n')).toString(16);
}
