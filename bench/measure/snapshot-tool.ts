/** The programs that take snapshots of a folder, made comparable: a fresh store each, then one snapshot after another. */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { shoalPath } from '../../test/support/repository.js';
import { isInstalled, type Measured, measureCommand } from './command.js';

export interface SnapshotTool {
  readonly name: string;
  /** What the store takes, or where it is if it lies outside the folder. */
  storeOf(workspace: Workspace): string;
  isThere(): Promise<boolean>;
  /** Makes an empty store; not measured. */
  prepare(workspace: Workspace): Promise<void>;
  /** @param count - 0 for the first snapshot of the folder */
  snapshot(workspace: Workspace, count: number): Promise<Measured>;
}

export interface Workspace {
  /** The folder to take snapshots of. */
  readonly folder: string;
  /** For the stores of tools that keep them elsewhere, in the same file system. */
  readonly scratch: string;
}

const shoal: SnapshotTool = {
  name: 'shoal',
  storeOf: ({ folder }) => join(folder, '.shoal'),
  isThere: async () => true,
  prepare: ({ folder }) => rm(join(folder, '.shoal'), { recursive: true, force: true }),
  snapshot: ({ folder }, count) =>
    measureCommand(process.execPath, [shoalPath, count === 0 ? 'init' : 'sync', folder]),
};

const restic: SnapshotTool = {
  name: 'restic',
  storeOf: ({ scratch }) => join(scratch, 'restic'),
  isThere: () => isInstalled('restic'),
  async prepare(workspace) {
    await empty(workspace, 'restic', 'restic-cache');
    await runRestic(workspace, 'init');
  },
  snapshot: (workspace) => runRestic(workspace, 'backup', '--exclude', '.shoal', workspace.folder),
};

const borg: SnapshotTool = {
  name: 'borg lz4',
  storeOf: ({ scratch }) => join(scratch, 'borg'),
  isThere: () => isInstalled('borg'),
  async prepare(workspace) {
    await empty(workspace, 'borg', 'borg-base');
    await runBorg(workspace, 'init', '--encryption', 'none', join(workspace.scratch, 'borg'));
  },
  snapshot: (workspace, count) =>
    runBorg(
      workspace,
      'create',
      '--compression',
      'lz4',
      '--exclude',
      '*/.shoal',
      `${join(workspace.scratch, 'borg')}::snapshot-${count}`,
      workspace.folder,
    ),
};

const casync: SnapshotTool = {
  name: 'casync',
  storeOf: ({ scratch }) => join(scratch, 'casync'),
  isThere: () => isInstalled('casync'),
  prepare: (workspace) => empty(workspace, 'casync'),
  snapshot: ({ folder, scratch }) =>
    measureCommand('casync', [
      'make',
      `--store=${join(scratch, 'casync')}`,
      '--exclude-file=no',
      join(scratch, 'casync', 'snapshot.caidx'),
      folder,
    ]),
};

const rsync: SnapshotTool = {
  name: 'rsync',
  storeOf: ({ scratch }) => join(scratch, 'rsync'),
  isThere: () => isInstalled('rsync'),
  prepare: (workspace) => empty(workspace, 'rsync'),
  snapshot: ({ folder, scratch }) =>
    measureCommand('rsync', ['-a', '--exclude=.shoal', `${folder}/`, `${join(scratch, 'rsync')}/`]),
};

export const snapshotTools: readonly SnapshotTool[] = [shoal, restic, borg, casync, rsync];

/** No snapshot: the disk alone, which writes the one file of the folder again, as Shoal writes, and as durably. */
export const diskAlone: SnapshotTool = {
  name: 'dd',
  storeOf: ({ scratch }) => join(scratch, 'dd'),
  isThere: () => isInstalled('dd'),
  prepare: (workspace) => empty(workspace, 'dd'),
  async snapshot({ folder, scratch }) {
    const [name] = await readdir(folder);
    const copy = join(scratch, 'dd', 'copy');
    const direct = (await takesDirectWrites(copy)) ? ['oflag=direct'] : [];
    const files = [`if=${join(folder, String(name))}`, `of=${copy}`];
    return measureCommand('dd', [...files, 'bs=4M', 'conv=fdatasync', ...direct]);
  },
};

/** Whether the file system of `path`, a file that is made, has writes past its cache: a `tmpfs` had none for long. */
async function takesDirectWrites(path: string): Promise<boolean> {
  try {
    const file = await open(path, constants.O_CREAT | constants.O_WRONLY | constants.O_DIRECT);
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return false;
    throw error;
  }
}

function runRestic({ scratch }: Workspace, ...args: readonly string[]): Promise<Measured> {
  return measureCommand('restic', ['--quiet', '--repo', join(scratch, 'restic'), ...args], {
    RESTIC_PASSWORD: 'bench',
    RESTIC_CACHE_DIR: join(scratch, 'restic-cache'),
  });
}

function runBorg({ scratch }: Workspace, ...args: readonly string[]): Promise<Measured> {
  return measureCommand('borg', args, {
    BORG_BASE_DIR: join(scratch, 'borg-base'),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
  });
}

async function empty({ scratch }: Workspace, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await rm(join(scratch, name), { recursive: true, force: true });
    await mkdir(join(scratch, name), { recursive: true });
  }
}
