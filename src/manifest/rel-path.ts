/**
 * RelPath: a path inside a share, as every device may see it. Components are separated by `/`; a backslash, a
 * newline and control characters are ordinary characters, because they are on POSIX. What one platform cannot
 * represent is no concern of this file: `folder/` blocks and reports it there.
 *
 * Order: by the bytes of UTF-8, with `/` before every other byte, so a directory is followed at once by all that
 * is under it (`a` < `a/x` < `a-b`).
 */
import { ShoalError } from '../error.js';

export type RelPath = string & { readonly __brand: 'RelPath' };

export const pathBytesMax = 4096;
export const componentBytesMax = 255;
export const depthMax = 256;

const ignorable = /\p{Default_Ignorable_Code_Point}/gu;
const plainAscii = /^[ -~]*$/;
const reservedName = '.shoal';
/** No path of so many UTF-16 units is too long in bytes (three a unit) or too deep (two units a component). */
const surelyBoundedLength = Math.min(Math.floor(pathBytesMax / 3), 2 * depthMax);

/** @throws ShoalError PATH_REJECTED unless `text` is a path that a share may contain */
export function parseRelPath(text: string): RelPath {
  const reason = whyRejected(text);
  if (reason !== undefined) {
    throw new ShoalError('PATH_REJECTED', `The path ${shown(text)} cannot be in a share: ${reason}.`, {
      data: { path: text.slice(0, pathBytesMax), reason },
    });
  }
  return text as RelPath;
}

/**
 * Negative if `a` comes before `b`, 0 if they are equal. Compares UTF-16 units, and mends the one place where their
 * order is not that of UTF-8: surrogates come after every other unit.
 */
export function compareRelPath(a: RelPath, b: RelPath): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return unitRank(left) - unitRank(right);
  }
  return a.length - b.length;
}

/** The directory that holds `path`; undefined for what lies in the share's root. */
export function parentOf(path: RelPath): RelPath | undefined {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? undefined : (path.slice(0, slash) as RelPath);
}

/** The last component. */
export function baseNameOf(path: RelPath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** @throws ShoalError PATH_REJECTED if the result may not be in a share, or if `name` is more than one component */
export function joinRelPath(parent: RelPath | undefined, name: string): RelPath {
  if (name.includes('/')) {
    throw new ShoalError('PATH_REJECTED', `The name ${shown(name)} is not one component of a path.`);
  }
  if (parent === undefined) return parseRelPath(name);
  const path = `${parent}/${name}`;
  // What is short is within the bounds of bytes and depth; then the new component alone decides, as the parent is a path.
  if (path.length <= surelyBoundedLength && plainAscii.test(name) && whyComponentRejected(name) === undefined)
    return path as RelPath;
  return parseRelPath(path);
}

/** Whether `path` lies under `directory`, at any depth. Not true of `directory` itself. */
export function isUnder(path: RelPath, directory: RelPath): boolean {
  return (
    path.length > directory.length &&
    path.charCodeAt(directory.length) === slashUnit &&
    path.startsWith(directory)
  );
}

/** Bytes of `text` (well-formed UTF-16) in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 || isSurrogate(unit) ? 1 : 2;
  }
  return bytes;
}

const slashUnit = 0x2f;

function whyRejected(text: string): string | undefined {
  if (text.length === 0) return 'it is empty';
  if (text.length > pathBytesMax) return `it is longer than ${pathBytesMax} bytes`;
  if (text.includes('\0')) return 'it contains a NUL character';
  if (!text.isWellFormed()) return 'it is not valid Unicode';
  if (utf8Length(text) > pathBytesMax) return `it is longer than ${pathBytesMax} bytes`;
  const components = text.split('/');
  if (components.length > depthMax) return `it is deeper than ${depthMax} components`;
  for (const component of components) {
    const reason = whyComponentRejected(component);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function whyComponentRejected(component: string): string | undefined {
  if (component === '') return 'it is absolute, or has an empty component';
  if (component === '.' || component === '..') return `it has the component ${component}`;
  // Most names are plain, and only one that begins with a dot can be like the reserved one.
  if (component.length <= componentBytesMax && plainAscii.test(component) && !component.startsWith('.'))
    return undefined;
  if (utf8Length(component) > componentBytesMax)
    return `a component is longer than ${componentBytesMax} bytes`;
  const folded = fold(component);
  if (folded === reservedName || folded.startsWith(`${reservedName}-`))
    return "that name is reserved for Shoal's own files";
  return undefined;
}

/** The name as the most forgiving file system reads it: without case, composition, and characters that do not show. */
function fold(component: string): string {
  if (plainAscii.test(component)) return component.toLowerCase();
  return foldOnce(foldOnce(component));
}

function foldOnce(text: string): string {
  return text.normalize('NFKC').replace(ignorable, '').toUpperCase().toLowerCase().normalize('NFKC');
}

function unitRank(unit: number): number {
  if (unit === slashUnit) return -1;
  return isSurrogate(unit) ? unit + 0x10000 : unit;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
