/** How bytes that are not of their format are reported: always `MALFORMED`, saying what and why. */
import { ShoalError } from '../error.js';

/** @param what - the thing that was decoded, such as 'manifest entry' */
export function malformed(what: string, why: string, cause?: unknown): ShoalError {
  return new ShoalError('MALFORMED', `A ${what} is not valid: ${why}.`, cause === undefined ? {} : { cause });
}
