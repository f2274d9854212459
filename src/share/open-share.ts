/**
 * An open share: settings, keys, store, folder and replica of one share, held by this process. Whoever opens it
 * holds the store's lock until `close`.
 */
import type { ChunkId } from '../chunking/index.js';
import { tuneEngine } from '../engine/index.js';
import { Folder } from '../folder/index.js';
import { Store } from '../store/index.js';
import { decodeMemberRecord, type Role } from '../trust/index.js';
import { type Config, readConfig } from './config.js';
import { keepFounderRecord, type ShareParts } from './create.js';
import type { Layout } from './layout.js';
import { restoreMembership, saveMembership } from './membership-copy.js';
import { recover } from './recover.js';
import { settleRebuild } from './repair-store.js';
import { Replica } from './replica.js';
import { readSecrets } from './secrets.js';

export interface OpenShare {
  readonly layout: Layout;
  readonly config: Config;
  readonly store: Store;
  readonly folder: Folder;
  readonly replica: Replica;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly now: () => number;
  /** A chunk in the store turned out damaged: it is not served, and is fetched again when it is needed. */
  readonly onDamage?: (id: ChunkId) => void;
}

/** What this device may do, by its own member record; undefined while it has none. */
export async function ownRole({ store, config, replica }: OpenShare): Promise<Role | undefined> {
  const bytes = await store.getRecord('member', replica.device);
  return bytes === undefined ? undefined : decodeMemberRecord(config.share, bytes).record.role;
}

/**
 * Opens the share, removes what an earlier process left unfinished and settles its journal.
 * @throws ShoalError SHARE_BUSY, STORE_UNOPENABLE, NOT_A_SHARE, USAGE (settings), REFUSED (keys open to others)
 */
export async function openShare(layout: Layout, options: OpenOptions): Promise<OpenShare> {
  const config = await readConfig(layout);
  const secrets = await readSecrets(layout);
  const { onDamage } = options;
  const store = await Store.open(layout.store, onDamage === undefined ? {} : { onDamage });
  return openWith({ layout, config, secrets, store }, options);
}

/** As `openShare`, with parts that are at hand: the store is closed with the share, or if that cannot be opened. */
export async function openWith(
  { layout, config, secrets, store }: ShareParts,
  { now }: Pick<OpenOptions, 'now'>,
): Promise<OpenShare> {
  try {
    const folder = await Folder.open(layout.root);
    await folder.cleanTemporary();
    await restoreMembership(layout, store, config.share);
    const replica = await Replica.open({ share: config.share, secrets, store, now });
    await settleRebuild(layout, replica);
    await keepFounderRecord(replica, config, now);
    await saveMembership(layout, store);
    await recover(replica, folder);
    tuneEngine();
    return { layout, config, store, folder, replica, close: () => store.close() };
  } catch (error) {
    await store.close();
    throw error;
  }
}
