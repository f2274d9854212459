/** Records over the database. Commits go through the write queue, so that they come after the chunks they speak of. */
import assert from 'node:assert/strict';
import { ShoalError } from '../error.js';
import type { Database, Operation } from './database.js';
import { recordKey, recordKeyBytes, recordKeyText, recordRange, writeRecordKey } from './key.js';
import {
  commitBytesMax,
  type RecordChange,
  type RecordColumns,
  type RecordKind,
  type RecordPut,
  type RecordStore,
  type RecordsOptions,
  recordKeyBytesMax,
} from './record-store.js';
import { Sealer, sealBytes, sealValue, unsealValue } from './sealed-value.js';

/** Longest value that is sealed in the same memory as others. */
const sealedTogetherMax = 4096;

/** Writes `operations`, if there are any, after all that was put before; `durable` as in `RecordStore.commit`. */
export type WriteInOrder = (
  operations: Iterable<Operation> | undefined,
  options: { durable: boolean },
) => Promise<void>;

export class DatabaseRecordStore implements RecordStore {
  private readonly sealer = new Sealer(recordKeyBytesMax, sealedTogetherMax);

  constructor(
    private readonly database: Database,
    private readonly write: WriteInOrder,
  ) {}

  async getRecord(kind: RecordKind, key: string): Promise<Uint8Array | undefined> {
    const databaseKey = recordKey(kind, key);
    const sealed = await this.database.get(databaseKey);
    if (sealed === undefined) return undefined;
    const value = unsealValue(databaseKey, sealed);
    if (value === undefined) throw damagedRecord(kind, key);
    return value;
  }

  async *records(kind: RecordKind, options: RecordsOptions = {}): AsyncGenerator<[string, Uint8Array]> {
    const { onDamage } = options;
    for await (const [databaseKey, sealed] of this.database.entries(recordRange(kind, options))) {
      const key = recordKeyText(kind, databaseKey);
      const value = unsealValue(databaseKey, sealed);
      if (value !== undefined) yield [key, value];
      else if (onDamage !== undefined) onDamage(key);
      else throw damagedRecord(kind, key);
    }
  }

  async commit(changes: readonly RecordChange[], options: { durable: boolean }): Promise<void> {
    const bytes = changes.reduce((sum, change) => sum + sizeOf(change), 0);
    if (bytes > commitBytesMax) {
      throw new ShoalError('LIMIT', `One commit may hold ${commitBytesMax} bytes, not ${bytes}: divide it.`, {
        data: { bytes },
      });
    }
    await this.write(changes.length === 0 ? undefined : operationsOf(changes, this.sealer), options);
  }
}

/** Each is good until the next one is taken. */
function* operationsOf(changes: readonly RecordChange[], sealer: Sealer): Generator<Operation> {
  for (const change of changes) {
    const { kind } = change;
    if ('keys' in change) yield* operationsOfColumns(sealer, change);
    else if ('delete' in change) yield { type: 'del', key: recordKey(kind, change.key) };
    else if (change.value.length > sealer.bodyBytesMax) yield operationOfLong(change);
    else yield sealer.put(writeRecordKey(kind, change.key, sealer.keyRoom), change.value);
  }
}

function operationOfLong({ kind, key, value }: RecordPut): Operation {
  const databaseKey = recordKey(kind, key);
  return { type: 'put', key: databaseKey, value: sealValue(databaseKey, value) };
}

function* operationsOfColumns(sealer: Sealer, columns: RecordColumns): Generator<Operation> {
  const { kind, keys, values } = columns;
  const valueBytes = valueBytesOf(columns);
  const front = writeRecordKey(kind, '', sealer.keyRoom);
  for (let index = 0; index < keys.length; index++) {
    const keyBytes = front + sealer.keyRoom.write(keys[index] as string, front);
    yield sealer.put(keyBytes, values, index * valueBytes, (index + 1) * valueBytes);
  }
}

function valueBytesOf({ keys, values }: RecordColumns): number {
  const bytes = keys.length === 0 ? 0 : values.length / keys.length;
  assert(Number.isInteger(bytes), 'values in a column must be equally long');
  return bytes;
}

function sizeOf(change: RecordChange): number {
  if (!('keys' in change))
    return (
      recordKeyBytes(change.kind, change.key) + ('delete' in change ? 0 : sealBytes + change.value.length)
    );
  let bytes = change.keys.length * (sealBytes + valueBytesOf(change));
  for (const key of change.keys) bytes += recordKeyBytes(change.kind, key);
  return bytes;
}

function damagedRecord(kind: RecordKind, key: string): ShoalError {
  return new ShoalError(
    'STORE_DAMAGED',
    `A ${kind} record in the store is damaged: run \`shoal verify --repair\`.`,
    { data: { kind, key } },
  );
}
