/** What the store takes on the disk: the bytes of all its files, LevelDB's and packs. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ShoalError, systemCode } from '../error.js';

/** @param directory - of the store; files that vanish meanwhile are not counted. @throws ShoalError IO */
export async function storeBytes(directory: string): Promise<number> {
  let bytes = 0;
  try {
    for (const name of await readdir(directory, { recursive: true }))
      bytes += await fileBytes(join(directory, name));
  } catch (cause) {
    throw new ShoalError('IO', `The size of ${directory} cannot be told: check its permissions.`, {
      data: { path: directory },
      cause,
    });
  }
  return bytes;
}

async function fileBytes(path: string): Promise<number> {
  try {
    const found = await stat(path);
    return found.isFile() ? found.size : 0;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 0;
    throw error;
  }
}
