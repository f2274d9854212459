/**
 * Where a write goes that lost its path to a concurrent one: beside it, as `name.conflict-<8 hex>.ext`. The hex is of
 * the content, so every device that holds the same content gives it the same name. A conflict copy has no conflict
 * copies of its own: what loses at such a path goes beside the name the copy came from, told apart by the hex.
 *
 * Two contents of one file whose 32 bits agree would meet at one path; merge-trees.ts says what happens then.
 */
import { hashBytes } from '../chunking/index.js';
import { bytesToHex, encodeText } from './bytes.js';
import { encodeContent } from './content-codec.js';
import type { NewContent } from './entry.js';
import {
  baseNameOf,
  componentBytesMax,
  parentOf,
  parseRelPath,
  pathBytesMax,
  type RelPath,
  utf8Length,
} from './rel-path.js';

const digestBytes = 4;
const tagForm = /\.conflict-[0-9a-f]{8}(?=\.|$)/;
const tagBytes = '.conflict-01234567'.length;
/** A longer ending is taken for a part of the name. */
const extensionBytesMax = 20;
/** Room that a name must have; in a directory whose path leaves less, the copy goes to a directory above. */
const nameBytesMin = 64;

/**
 * Where `content` goes when it loses `path`.
 * @param path - where it was written
 * @returns another path, in the same directory unless that one's own path is nearly `pathBytesMax` long
 */
export function conflictPath(path: RelPath, content: NewContent): RelPath {
  const digest = bytesToHex(hashBytes(namedBytes(path, content)).subarray(0, digestBytes));
  const { stem, extension } = splitName(baseNameOf(path));
  const parent = roomyParent(path);
  const room = Math.min(
    componentBytesMax,
    pathBytesMax - (parent === undefined ? 0 : utf8Length(parent) + 1),
  );
  const kept = truncate(stem, room - tagBytes - utf8Length(extension));
  const name = `${kept}.conflict-${digest}${extension}`;
  return parseRelPath(parent === undefined ? name : `${parent}/${name}`);
}

/** Whether a conflict copy may stand at `path`; other files may have such names, too. */
export function hasConflictName(path: RelPath): boolean {
  return tagForm.test(baseNameOf(path));
}

/** What all conflict copies of `path` begin with: they stand together in the order of paths. */
export function conflictPrefix(path: RelPath): string {
  const { stem, extension } = splitName(baseNameOf(path));
  const parent = roomyParent(path);
  const room = Math.min(
    componentBytesMax,
    pathBytesMax - (parent === undefined ? 0 : utf8Length(parent) + 1),
  );
  const name = `${truncate(stem, room - tagBytes - utf8Length(extension))}.conflict-`;
  return parent === undefined ? name : `${parent}/${name}`;
}

/** What is lost at a conflict path must not take the name of the same content lost at the path it came from. */
function namedBytes(path: RelPath, content: NewContent): Uint8Array {
  const bytes = encodeContent(content);
  if (!hasConflictName(path)) return bytes;
  const origin = encodeText(path);
  const both = new Uint8Array(bytes.length + origin.length);
  both.set(bytes);
  both.set(origin, bytes.length);
  return both;
}

function splitName(baseName: string): { stem: string; extension: string } {
  const name = baseName.replace(tagForm, '') || baseName;
  const dot = name.lastIndexOf('.');
  const extension = dot > 0 ? name.slice(dot) : '';
  if (extension.length < 2 || utf8Length(extension) > extensionBytesMax) return { stem: name, extension: '' };
  return { stem: name.slice(0, dot), extension };
}

function roomyParent(path: RelPath): RelPath | undefined {
  let parent = parentOf(path);
  while (parent !== undefined && utf8Length(parent) + 1 + nameBytesMin > pathBytesMax)
    parent = parentOf(parent);
  return parent;
}

/** The longest beginning of `text` of at most `bytesMax` bytes, cut between code points. */
function truncate(text: string, bytesMax: number): string {
  let bytes = 0;
  let kept = '';
  for (const point of text) {
    bytes += utf8Length(point);
    if (bytes > bytesMax) break;
    kept += point;
  }
  return kept;
}
