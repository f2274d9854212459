/** Damage as disks do it: behind the back of whoever runs the share. */
import { open, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileEntry, parseRelPath } from '../../src/manifest/index.js';
import type { OpenShare } from '../../src/share/open-share.js';

/** Flips a bit of a file at `position`, and gives it its mtime back: no test can give it its ctime back. */
export async function flipBit(path: string, position = 0): Promise<void> {
  const { mtimeMs } = await stat(path);
  const file = await open(path, 'r+');
  try {
    const byte = new Uint8Array(1);
    await file.read(byte, 0, 1, position);
    await file.write(
      byte.map((bits) => bits ^ 1),
      0,
      1,
      position,
    );
  } finally {
    await file.close();
  }
  await utimes(path, mtimeMs / 1000, mtimeMs / 1000);
}

/** A file of the share rots: a bit of it flips, and the stat cache goes on vouching for it. */
export async function rot(share: OpenShare, name: string, position = 0): Promise<void> {
  const { replica, folder } = share;
  const path = parseRelPath(name);
  await replica.exclusive(async () => {
    await flipBit(join(folder.root, name), position);
    const file = await folder.read(path);
    await file.close();
    await replica.commit({ stats: [{ path, record: { stat: file.stat, racy: false } }] });
  });
}

export async function fileEntry({ replica }: OpenShare, name: string): Promise<FileEntry> {
  const entry = await replica.tree.get(replica.root, parseRelPath(name));
  if (entry?.kind !== 'file') throw new Error(`${name} must be a file of the share`);
  return entry;
}
