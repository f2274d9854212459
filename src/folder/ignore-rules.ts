/**
 * `.shoalignore`: gitignore syntax, matched with the case as written. Paths it names are not part of the share on
 * this device. The file itself is synced like any other and is never ignored.
 */
import ignore, { type Ignore } from 'ignore';
import type { RelPath } from '../manifest/index.js';

export const ignoreFileName = '.shoalignore';
/** Bytes. A larger file is a mistake, and matching it would slow every scan. */
export const ignoreFileBytesMax = 1024 * 1024;
/** `ignore` remembers every path it was asked about; it is started afresh after this many. */
const rememberedPathsMax = 20_000;

export class IgnoreRules {
  /** The content of `.shoalignore`. */
  readonly text: string;
  readonly #rules: Ignore;
  readonly #empty: boolean;
  #matcher: Ignore;
  #asked = 0;

  constructor(text: string) {
    this.text = text;
    this.#rules = ignore({ ignorecase: false }).add(text);
    this.#matcher = this.#rules;
    this.#empty = text.trim() === '';
  }

  /** Whether `path` is no part of the share: by a rule of its own or by one for a directory above it. */
  ignores(path: RelPath, kind: 'directory' | 'other'): boolean {
    if (this.#empty || path === ignoreFileName) return false;
    this.#asked += 1;
    if (this.#asked % rememberedPathsMax === 0)
      this.#matcher = ignore({ ignorecase: false }).add(this.#rules);
    return this.#matcher.ignores(kind === 'directory' ? `${path}/` : path);
  }
}
