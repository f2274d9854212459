/** How this room reports bytes that are not of its format: always `MALFORMED`, saying what and why. */
import { ShoalError } from '../error.js';

/** @param what - the thing that was decoded, such as 'manifest entry' */
export function malformed(what: string, why: string, cause?: unknown): ShoalError {
  return new ShoalError('MALFORMED', `A ${what} is not valid: ${why}.`, cause === undefined ? {} : { cause });
}
