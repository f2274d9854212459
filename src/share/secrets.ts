/**
 * The secret keys of this device: its own, and on the device that made the share, the share's. One file, 0600,
 * written whole by a temporary file and rename. Nothing else reads or writes it, and it never enters a log.
 */
import { open, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ShoalError } from '../error.js';
import { exportSecretKey, importSecretKey, type KeyPair } from '../trust/index.js';
import type { Layout } from './layout.js';

export interface Secrets {
  readonly device: KeyPair;
  /** Only where the share was made: whoever holds it can write member records. */
  readonly share?: KeyPair;
}

const othersMayRead = 0o077;

/** @throws ShoalError NOT_A_SHARE, REFUSED (others can read the file), STORE_UNOPENABLE */
export async function readSecrets(layout: Layout): Promise<Secrets> {
  let text: string;
  try {
    if (await isOpenToOthers(layout)) {
      throw new ShoalError(
        'REFUSED',
        `${layout.secrets} can be read by others: run \`chmod 600\` on it, and try again.`,
      );
    }
    text = await readFile(layout.secrets, 'utf8');
  } catch (error) {
    if (error instanceof ShoalError) throw error;
    throw new ShoalError(
      'STORE_UNOPENABLE',
      `The keys of this share (${layout.secrets}) cannot be read: restore the file from a backup, or join again.`,
      {
        cause: error,
      },
    );
  }
  try {
    const fields = JSON.parse(text) as { device?: unknown; share?: unknown };
    const device = seedOf(fields.device);
    return fields.share === undefined ? { device } : { device, share: seedOf(fields.share) };
  } catch {
    // The cause is left out on purpose: a parse error may quote the secret.
    throw new ShoalError(
      'STORE_UNOPENABLE',
      `${layout.secrets} is damaged: restore it from a backup, or join again.`,
    );
  }
}

/** @throws ShoalError REFUSED: the file system keeps no permissions, so others can read the file */
export async function writeSecrets(layout: Layout, secrets: Secrets): Promise<void> {
  const fields = {
    device: Buffer.from(exportSecretKey(secrets.device)).toString('hex'),
    ...(secrets.share === undefined
      ? {}
      : { share: Buffer.from(exportSecretKey(secrets.share)).toString('hex') }),
  };
  await writeDurably(layout.secrets, `${JSON.stringify(fields)}\n`);
  if (await isOpenToOthers(layout)) {
    throw new ShoalError(
      'REFUSED',
      `Others can read ${layout.secrets}, which would hold the keys: make the share on a file system that keeps permissions.`,
    );
  }
}

async function isOpenToOthers(layout: Layout): Promise<boolean> {
  const { mode } = await stat(layout.secrets);
  return (mode & othersMayRead) !== 0;
}

/** Replaces a small file whole and durably: temporary file, fsync, rename, fsync of the directory. Mode 0600. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function seedOf(value: unknown): KeyPair {
  if (typeof value !== 'string' || !/^[0-9a-f]{64}$/.test(value)) throw new Error('not a key');
  return importSecretKey(Uint8Array.from(Buffer.from(value, 'hex')));
}
