/**
 * Where a share keeps its own things: everything lies under `.shoal/` in the folder, mode 0700.
 */
import { createHash } from 'node:crypto';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ShoalError, systemCode } from '../error.js';

export interface Layout {
  /** The user's folder, absolute. */
  readonly root: string;
  /** `<root>/.shoal` */
  readonly state: string;
  readonly store: string;
  readonly temporary: string;
  readonly config: string;
  readonly secrets: string;
  /** A copy of the member records and addresses: see membership-copy.ts. */
  readonly members: string;
  /** There while the store was rebuilt and the share has not settled that: see repair-store.ts. */
  readonly rebuilt: string;
}

/** A unix socket's path may be 107 bytes long on Linux and 103 on macOS. */
const socketPathBytesMax = 100;

export function layoutOf(root: string): Layout {
  const state = join(root, '.shoal');
  return {
    root,
    state,
    store: join(state, 'store'),
    temporary: join(state, 'tmp'),
    config: join(state, 'config.json'),
    secrets: join(state, 'secrets.json'),
    members: join(state, 'members.json'),
    rebuilt: join(state, 'rebuilt'),
  };
}

/** The layout of the share that contains `directory`, found upwards as git finds its root. @throws ShoalError NOT_A_SHARE */
export async function findShare(directory: string): Promise<Layout> {
  const start = resolve(directory);
  for (let at = start; ; at = dirname(at)) {
    if (await isShare(at)) return layoutOf(at);
    if (at === dirname(at)) break;
  }
  throw new ShoalError(
    'NOT_A_SHARE',
    `${start} is not in a share: make one with \`shoal init\` or \`shoal join\`, or name its folder.`,
    {
      data: { path: start },
    },
  );
}

/** Whether `directory` holds a finished share; a half-made one (its settings are written last) does not count. */
export async function isShare(directory: string): Promise<boolean> {
  try {
    return (await lstat(layoutOf(directory).config)).isFile();
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw new ShoalError(
      'IO',
      `${directory} cannot be read (${code ?? 'unknown error'}): check its permissions.`,
      { cause: error },
    );
  }
}

/**
 * Where the control socket lies: in `.shoal/`, or, where that path is too long for a socket, in a directory of
 * the user's own under the system's temporary directory.
 */
export async function controlSocketPath(layout: Layout): Promise<string> {
  const inside = join(layout.state, 'control.sock');
  if (Buffer.byteLength(inside) <= socketPathBytesMax) return inside;
  const uid = process.getuid?.() ?? 0;
  const directory = join(tmpdir(), `shoal-${uid}`);
  await mkdir(directory, { mode: 0o700, recursive: true });
  const stat = await lstat(directory);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0) {
    throw new ShoalError(
      'REFUSED',
      `${directory} is open to others: remove it, or set its mode to 0700, and try again.`,
    );
  }
  return join(directory, `${createHash('sha256').update(layout.root).digest('hex').slice(0, 24)}.sock`);
}
