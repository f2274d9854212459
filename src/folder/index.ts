/** The door of the room `folder`: the user's folder, seen and changed without ever losing what the user did. */
export { escapeForDisplay } from './display.js';
export { FileReader, type Piece, type PieceRead, type ReaderOptions } from './file-reader.js';
export {
  decodeFileStat,
  encodeFileStat,
  encodeFileStats,
  type FileStat,
  fileStatBytes,
  statEquals,
} from './file-stat.js';
export { Folder } from './folder.js';
export type { Found } from './found.js';
export type { FoundBatch } from './found-batch.js';
export { holdsMoreThan } from './glance.js';
export { IgnoreRules } from './ignore-rules.js';
export type { OpenFile } from './open-file.js';
export type { Expected, PlaceRequest, PlaceResult, Staged } from './place-request.js';
export type { QuarantineTotals } from './quarantine.js';
export type { Hint, Watching } from './watch.js';
