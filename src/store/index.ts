/**
 * The store: keeps chunks under their ids and small records under their names, checks everything it reads, and never
 * returns a wrong byte. What the chunks and records mean is other rooms' business.
 */
export type { ChunkStore, ChunkTotals, Verdict, VerifyOptions } from './chunk-store.js';
export type { Member } from './chunk-table.js';
export type { FramedRecord } from './framed-record.js';
export type { PackDamage } from './pack-check.js';
export type { PackProblem } from './pack-file.js';
export {
  type RebuildFindings,
  type RebuildOptions,
  type RebuildProgress,
  type RebuildResult,
  rebuildStore,
} from './rebuild.js';
export { RecordMaker, type RecordsMade, recordRoomBytes, recordsIn } from './record-maker.js';
export type { RecordChange, RecordColumns, RecordKind, RecordStore, RecordsOptions } from './record-store.js';
export type { Salvaged } from './salvage.js';
export { type OpenCollection, type OpenStore, Store, type StoreOptions } from './store.js';
export type { SweepProgress, Swept } from './sweep.js';
