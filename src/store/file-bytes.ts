/** Whole reads and writes of a file, as the system may do less than it is asked for; and syncs of a directory. */
import { type FileHandle, open } from 'node:fs/promises';

/** Writes all of `parts` from `position` on, in as few calls as the system allows. */
export async function writeAll(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = parts;
  let at = position;
  while (rest.length > 0) {
    const { bytesWritten } = await file.writev(rest, at);
    at += bytesWritten;
    rest = withoutFirst(rest, bytesWritten);
  }
}

/** What is left of `parts` without their first `count` bytes. */
function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}

/** Fills `parts` one after another from `position` on. @returns how many bytes there were */
export async function readAll(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<number> {
  let rest = parts;
  let at = position;
  while (rest.length > 0) {
    const { bytesRead } = await file.readv(rest, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    rest = withoutFirst(rest, bytesRead);
  }
  return at - position;
}

/** Puts the names in a directory on the disk. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
