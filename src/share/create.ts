/**
 * Making a share in a folder: `createShare` begins one, `createReplica` prepares a folder to join one. The settings
 * are written last: until then the folder is no share, and what was begun is thrown away by the next attempt.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { ShoalError, systemCode } from '../error.js';
import { Store } from '../store/index.js';
import {
  deviceNameLengthMax,
  encodeTicket,
  generateKeyPair,
  type ShareId,
  shareIdFromBytes,
  signMemberRecord,
  type Ticket,
} from '../trust/index.js';
import { type Config, defaultPort, writeConfig } from './config.js';
import { findShare, isShare, type Layout, layoutOf } from './layout.js';
import type { Replica } from './replica.js';
import { type Secrets, writeSecrets } from './secrets.js';

export interface CreateOptions {
  readonly directory: string;
  readonly name?: string | undefined;
  readonly now: () => number;
}

/** A share with what it is opened with. Whoever has it opens it, or closes the store. */
export interface ShareParts {
  readonly layout: Layout;
  readonly config: Config;
  readonly secrets: Secrets;
  readonly store: Store;
}

/** The record under which a ticket waits until the inviter has answered. */
export const pendingTicketKey = 'pending';

/**
 * Begins a share: its key and a device key. The folder's content is not looked at.
 * @param onPlace - called when the folder is there, and may become a share
 */
export async function createShare(
  options: CreateOptions,
  onPlace?: (root: string) => void,
): Promise<ShareParts> {
  const share = generateKeyPair();
  const secrets = { device: generateKeyPair(), share };
  return create(options, { share: shareIdFromBytes(share.publicKey), secrets, onPlace });
}

/** The device that holds the share key is a member by its own word: its record is made when it is not there. */
export async function keepFounderRecord(replica: Replica, config: Config, now: () => number): Promise<void> {
  const { device, share, store, secrets } = replica;
  if (secrets.share === undefined || (await store.getRecord('member', device)) !== undefined) return;
  const fields = { share, device, role: 'rw', serial: 1, name: config.name, time: now() } as const;
  const { bytes } = signMemberRecord(secrets.share.privateKey, fields);
  await store.commit([{ kind: 'member', key: device, value: bytes }], { durable: true });
}

/** Prepares `directory` to become a replica: `claimMembership` then brings the ticket to the inviter. */
export async function createReplica(options: CreateOptions, ticket: Ticket): Promise<ShareParts> {
  const fill = async (store: Store): Promise<void> => {
    const value = Buffer.from(encodeTicket(ticket), 'utf8');
    await store.commit([{ kind: 'state', key: pendingTicketKey, value }], { durable: true });
  };
  return create(options, { share: ticket.share, secrets: { device: generateKeyPair() }, fill });
}

interface Beginning {
  readonly share: ShareId;
  readonly secrets: Secrets;
  readonly onPlace?: ((root: string) => void) | undefined;
  readonly fill?: (store: Store) => Promise<void>;
}

async function create(
  options: CreateOptions,
  { share, secrets, onPlace, fill }: Beginning,
): Promise<ShareParts> {
  const root = resolve(options.directory);
  const name = checkName(options.name ?? hostname());
  await mkdir(root, { recursive: true }).catch((cause: unknown) => {
    throw new ShoalError(
      'IO',
      `${root} cannot be made (${systemCode(cause) ?? 'unknown error'}): name a folder you may write to.`,
      { cause },
    );
  });
  await refuseNesting(root);
  onPlace?.(root);
  const layout = layoutOf(root);
  await rm(layout.state, { recursive: true, force: true });
  await mkdir(layout.state, { mode: 0o700 });
  await mkdir(layout.temporary, { mode: 0o700 });
  await writeSecrets(layout, secrets);
  const config = { share, name, port: defaultPort, peers: [] };
  const store = await Store.open(layout.store);
  try {
    await fill?.(store);
    await writeConfig(layout, config);
    return { layout, config, secrets, store };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws ShoalError USAGE if `root` is, or lies in, a share, or holds a `.shoal` that Shoal did not begin */
async function refuseNesting(root: string): Promise<void> {
  const layout = layoutOf(root);
  if (await isShare(root)) throw new ShoalError('USAGE', `${root} is a share already: see \`shoal status\`.`);
  const outer = await findShare(root).catch((error: unknown) => {
    if (error instanceof ShoalError && error.code === 'NOT_A_SHARE') return undefined;
    throw error;
  });
  if (outer !== undefined)
    throw new ShoalError(
      'USAGE',
      `${root} lies in the share ${outer.root}: a share cannot hold another one.`,
    );
  const ours = new Set([
    'secrets.json',
    'secrets.json.new',
    'config.json.new',
    'members.json',
    'members.json.new',
    'store',
    'tmp',
  ]);
  const names = await readdir(layout.state).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw new ShoalError('IO', `${layout.state} cannot be read: check its permissions.`, { cause: error });
  });
  const foreign = names.find((entry) => !ours.has(entry));
  if (foreign !== undefined) {
    throw new ShoalError(
      'USAGE',
      `${layout.state} holds "${foreign}", which is not Shoal's: move it away and try again.`,
    );
  }
}

function checkName(name: string): string {
  if (name === '' || name.length > deviceNameLengthMax) {
    throw new ShoalError(
      'USAGE',
      `A device's name must have 1 to ${deviceNameLengthMax} characters: give one with --name.`,
    );
  }
  return name;
}
