/**
 * The names in one directory, in the order of the manifest: by the bytes of their UTF-8.
 */

import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { systemCode } from '../error.js';
import { decodeUtf8, escapeBytesForDisplay } from './display.js';
import { asReasonUnknown } from './faults.js';
import { identityOf } from './presence.js';

export type Listed =
  | { readonly name: string; readonly isDirectory: boolean }
  /** A name that is not valid UTF-8, escaped. */
  | { readonly invalidName: string };

export type Listing =
  | { readonly outcome: 'listed'; readonly items: readonly Listed[] }
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'unreadable'; readonly reason: string };

const replacementCharacter = '\ufffd';
/** From here on the order of UTF-16, which JavaScript compares by, is not the order of UTF-8. */
const ordersDifferently = /[\ud800-\uffff]/;

/**
 * @param path - absolute
 * @param before - what `lstat` said of it; if another directory stands there once the names are read, it was
 * exchanged (perhaps for a symlink) and the names may come from elsewhere: unreadable
 */
export function listDirectory(path: string, before: BigIntStats): Listing {
  try {
    const items = readNames(path);
    const after = lstatSync(path, { bigint: true });
    if (identityOf(after) === identityOf(before)) return { outcome: 'listed', items };
    return { outcome: 'unreadable', reason: 'it was exchanged during the scan' };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { outcome: 'gone' };
    return { outcome: 'unreadable', reason: asReasonUnknown(error) };
  }
}

function readNames(path: string): Listed[] {
  const entries = readdirSync(path, { withFileTypes: true });
  if (entries.some(({ name }) => name.includes(replacementCharacter))) return readNamesAsBytes(path);
  const compare = entries.some(({ name }) => ordersDifferently.test(name)) ? compareAsUtf8 : compareAsUtf16;
  entries.sort((a, b) => compare(a.name, b.name));
  return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
}

/** The slow way, for directories with a name that may not be UTF-8. */
function readNamesAsBytes(path: string): Listed[] {
  const entries = readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
  entries.sort((a, b) => Buffer.compare(a.name, b.name));
  return entries.map((entry) => {
    const name = decodeUtf8(entry.name);
    if (name === undefined) return { invalidName: escapeBytesForDisplay(entry.name) };
    return { name, isDirectory: entry.isDirectory() };
  });
}

function compareAsUtf16(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function compareAsUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
