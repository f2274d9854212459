/**
 * The one error type of Shoal for operating faults: something outside the program went wrong, and the person
 * or the caller can act on it. A programmer's fault is an `assert` instead. Callers match on `code`, never on text.
 */

/** Every operating fault Shoal reports. `cli/` has the one table that maps them to exit codes. */
export type ShoalErrorCode =
  /** Wrong arguments or settings. */
  | 'USAGE'
  /** The folder is no share, or its `.shoal/` is gone. */
  | 'NOT_A_SHARE'
  /** Another process holds the share and does not answer. */
  | 'SHARE_BUSY'
  /** The store cannot be opened. */
  | 'STORE_UNOPENABLE'
  /** The store's files cannot be read or written: the disk is full or failing. */
  | 'STORE_FAILED'
  /** What was read back from the store is not what was written. */
  | 'STORE_DAMAGED'
  /** Bytes from a peer or from disk that are not of their format. */
  | 'MALFORMED'
  /** A path that no share may contain. */
  | 'PATH_REJECTED'
  /** A chunk that is not in the store and that no connected peer could give. */
  | 'CHUNK_MISSING'
  /** Ticket, key, membership or role does not allow it. */
  | 'REFUSED'
  /** A peer cannot be reached or did not answer in time. */
  | 'UNREACHABLE'
  /** The local file system failed: `cause` holds its error. */
  | 'IO'
  /** What is to be written does not fit on the disk: nothing of it was written. */
  | 'NO_SPACE'
  /** A bound of this program was reached. */
  | 'LIMIT'
  /** The operation was cancelled by its AbortSignal or by closing. */
  | 'CANCELLED';

/** Plain data that goes with an error: path, chunk id, device, address. Never a secret. */
export type ErrorData = Readonly<Record<string, string | number | boolean | undefined>>;

export class ShoalError extends Error {
  readonly code: ShoalErrorCode;
  readonly data: ErrorData;

  /**
   * @param code - stable, for programs
   * @param message - one sentence for a person: what failed, on what, why, and what to do next
   */
  constructor(code: ShoalErrorCode, message: string, options: { data?: ErrorData; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ShoalError';
    this.code = code;
    this.data = options.data ?? {};
  }
}

/** Whether `error` is a ShoalError, and of `code` if one is given. */
export function isShoalError(error: unknown, code?: ShoalErrorCode): error is ShoalError {
  return error instanceof ShoalError && (code === undefined || error.code === code);
}

/** The `code` of a Node system error such as 'ENOENT', or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
