/**
 * Who is a member: for each device the record that counts.
 *
 * Invariant: of any set of records every device keeps the same one, in whatever order they come: the highest
 * serial, then the stricter role, then the greater bytes.
 */
import type { DeviceId, Role, SignedMemberRecord } from '../trust/index.js';

/** The most records kept, those of revoked devices included. Only the share key can make one. */
export const memberRecordsMax = 256;

const strictness: Readonly<Record<Role, number>> = { rw: 0, ro: 1, revoked: 2 };

export class MemberTable {
  readonly #records = new Map<DeviceId, SignedMemberRecord>();

  /** @returns whether the record counts now and did not before */
  accept(record: SignedMemberRecord): boolean {
    const { device } = record.record;
    const known = this.#records.get(device);
    if (known === undefined && this.#records.size >= memberRecordsMax) return false;
    if (known !== undefined && !supersedes(record, known)) return false;
    this.#records.set(device, record);
    return true;
  }

  get(device: DeviceId): SignedMemberRecord | undefined {
    return this.#records.get(device);
  }

  role(device: DeviceId): Role | undefined {
    return this.#records.get(device)?.record.role;
  }

  /** Whether `device` may see what the share holds. */
  mayRead(device: DeviceId): boolean {
    const role = this.role(device);
    return role === 'rw' || role === 'ro';
  }

  all(): SignedMemberRecord[] {
    return [...this.#records.values()];
  }
}

function supersedes(record: SignedMemberRecord, known: SignedMemberRecord): boolean {
  if (record.record.serial !== known.record.serial) return record.record.serial > known.record.serial;
  const stricter = strictness[record.record.role] - strictness[known.record.role];
  return stricter !== 0 ? stricter > 0 : compareBytes(record.bytes, known.bytes) > 0;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
