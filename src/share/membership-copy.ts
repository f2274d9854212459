/**
 * A copy of what the store alone could not get back: the member records and the addresses of the peers. The folder's
 * content can be scanned again and fetched again, but a device that forgot who is a member would turn everybody away,
 * and be turned away. So `.shoal/members.json` holds them too, and fills a store that was begun anew.
 */
import { readFile } from 'node:fs/promises';
import { isShoalError, ShoalError, systemCode } from '../error.js';
import type { RecordChange, Store } from '../store/index.js';
import { decodeMemberRecord, type MemberRecord, parseDeviceId, type ShareId } from '../trust/index.js';
import type { Layout } from './layout.js';
import { writeDurably } from './secrets.js';

interface Copy {
  /** Encoded member records, hex. */
  readonly members: readonly string[];
  /** Device id to HOST:PORT. */
  readonly addresses: Readonly<Record<string, string>>;
}

/**
 * Puts into the store what the copy knows and the store has lost: a store begun anew lacks all of it, one whose index was
 * made again may lack a part. A member is never forgotten otherwise (one that left has a record that says so), so the
 * record with the higher serial counts. What is not valid in the copy is left out.
 */
export async function restoreMembership(layout: Layout, store: Store, share: ShareId): Promise<void> {
  const copy = await readCopy(layout);
  if (copy === undefined) return;
  const batch: RecordChange[] = [];
  for (const hex of copy.members) {
    const value = Buffer.from(hex, 'hex');
    const record = recordIn(share, value);
    if (record === undefined) continue;
    const known = await store.getRecord('member', record.device);
    if (known === undefined || (recordIn(share, known)?.serial ?? 0) < record.serial)
      batch.push({ kind: 'member', key: record.device, value });
  }
  for (const [device, address] of Object.entries(copy.addresses)) {
    const key = parseDeviceId(device);
    if ((await store.getRecord('address', key)) === undefined)
      batch.push({ kind: 'address', key, value: Buffer.from(address, 'utf8') });
  }
  if (batch.length > 0) await store.commit(batch, { durable: true });
}

/** Brings the copy up to what the store knows. */
export async function saveMembership(layout: Layout, store: Store): Promise<void> {
  const members: string[] = [];
  const addresses: Record<string, string> = {};
  for await (const [, bytes] of store.records('member')) members.push(Buffer.from(bytes).toString('hex'));
  for await (const [device, bytes] of store.records('address'))
    addresses[device] = Buffer.from(bytes).toString('utf8');
  const text = `${JSON.stringify({ members, addresses } satisfies Copy)}\n`;
  if ((await readText(layout)) !== text) await writeDurably(layout.members, text);
}

async function readCopy(layout: Layout): Promise<Copy | undefined> {
  const text = await readText(layout);
  if (text === undefined) return undefined;
  try {
    const { members, addresses } = JSON.parse(text) as Partial<Copy>;
    if (!Array.isArray(members) || typeof addresses !== 'object') return undefined;
    return { members: members.filter((item) => typeof item === 'string'), addresses };
  } catch (cause) {
    throw new ShoalError(
      'STORE_UNOPENABLE',
      `${layout.members} is damaged: remove it, and join again with a new ticket.`,
      {
        cause,
      },
    );
  }
}

async function readText(layout: Layout): Promise<string | undefined> {
  try {
    return await readFile(layout.members, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new ShoalError('IO', `${layout.members} cannot be read: check its permissions.`, { cause: error });
  }
}

function recordIn(share: ShareId, bytes: Uint8Array): MemberRecord | undefined {
  try {
    return decodeMemberRecord(share, bytes).record;
  } catch (error) {
    if (isShoalError(error)) return undefined;
    throw error;
  }
}
