/**
 * What the share's file system can do and what it does to names and permissions, found out by trying it in
 * `.shoal/tmp` when the folder is opened, not by guessing from the platform.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { reasonOfBlocking } from './faults.js';

export interface FileSystemTraits {
  /** Whether `/proc/self/fd` can be used to stay in a directory. */
  readonly descriptors: boolean;
  /** Whether `link` works, which creates a name only if nothing stands there. */
  readonly hardLinks: boolean;
  /** Lists a directory; undefined where all different names are different files. */
  readonly listNames: ((directory: string) => readonly string[]) | undefined;
  /** The permissions of a new file that is not executable: 0666 without the umask. */
  readonly filePermissions: number;
}

const readWriteBits = 0o666;

/**
 * @param directory - absolute; probe files are made in it and removed
 * @throws the system error if no file can be made there
 */
export function probeFileSystem(directory: string): FileSystemTraits {
  const stem = `probe-${randomBytes(8).toString('hex')}-`;
  const probe = join(directory, `${stem}Aé`.normalize('NFC'));
  const link = join(directory, `${stem}link`);
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
  const descriptor = openSync(probe, flags, readWriteBits);
  try {
    const twins = [`${stem}aé`.normalize('NFC'), `${stem}Aé`.normalize('NFD')];
    const folds = twins.some((name) => existsSync(join(directory, name)));
    return {
      descriptors: process.platform === 'linux' && existsSync(`/proc/self/fd/${descriptor}`),
      hardLinks: canLink(probe, link),
      listNames: folds ? (path) => readdirSync(path) : undefined,
      filePermissions: fstatSync(descriptor).mode & readWriteBits,
    };
  } finally {
    closeSync(descriptor);
    rmSync(probe, { force: true });
    rmSync(link, { force: true });
  }
}

function canLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return lstatSync(to).isFile();
  } catch (error) {
    if (reasonOfBlocking(error) !== undefined) return false;
    throw error;
  }
}
