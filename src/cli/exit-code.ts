/** The one table of exit codes: what a script learns from `$?`. */
import type { ShoalErrorCode } from '../error.js';

/** How a command can end other than by an error. */
export const exitCodes = {
  done: 0,
  /** An unexpected error: a bug, or a fault that has no code of its own. */
  unexpected: 1,
  usage: 2,
  /** Done, and there are conflicts to look at. */
  conflicts: 3,
  /** A peer was unreachable or the time ran out. */
  notConverged: 4,
  /** A guard waits for approval. */
  held: 5,
  /** Damage was found and not all repaired. */
  damage: 6,
  notAShare: 10,
  shareBusy: 11,
  storeUnopenable: 12,
  refused: 13,
  /** As a shell reports a process that SIGINT ended. All state is kept. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const codesOfErrors: Readonly<Record<ShoalErrorCode, ExitCode>> = {
  USAGE: exitCodes.usage,
  NOT_A_SHARE: exitCodes.notAShare,
  SHARE_BUSY: exitCodes.shareBusy,
  STORE_UNOPENABLE: exitCodes.storeUnopenable,
  STORE_DAMAGED: exitCodes.storeUnopenable,
  REFUSED: exitCodes.refused,
  UNREACHABLE: exitCodes.notConverged,
  CANCELLED: exitCodes.interrupted,
  STORE_FAILED: exitCodes.unexpected,
  MALFORMED: exitCodes.unexpected,
  PATH_REJECTED: exitCodes.unexpected,
  CHUNK_MISSING: exitCodes.unexpected,
  IO: exitCodes.unexpected,
  NO_SPACE: exitCodes.unexpected,
  LIMIT: exitCodes.unexpected,
};

/** @param code - a ShoalErrorCode, or one this version does not know: that of a newer `watch` that was asked */
export function exitCodeOf(code: string): ExitCode {
  return Object.hasOwn(codesOfErrors, code) ? codesOfErrors[code as ShoalErrorCode] : exitCodes.unexpected;
}

/** What a finished sync amounts to; the gravest counts. */
export function exitCodeOfSync(result: {
  readonly inSync: boolean;
  readonly held: object | null;
  readonly changed: { readonly conflicts: number };
}): ExitCode {
  if (result.held !== null) return exitCodes.held;
  if (!result.inSync) return exitCodes.notConverged;
  return result.changed.conflicts > 0 ? exitCodes.conflicts : exitCodes.done;
}
