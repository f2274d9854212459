/** The things on a crash disk: files, directories and symlinks, as the program sees them now. */

export type Kind = 'file' | 'directory' | 'symlink';

/** What is journaled of an inode beside its size. */
export interface Attributes {
  readonly permissions: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** An inode as it begins. */
export interface Birth {
  readonly number: number;
  readonly kind: Kind;
  /** Of a symlink. */
  readonly target: string;
  readonly attributes: Attributes;
}

export class Inode {
  readonly number: number;
  readonly kind: Kind;
  readonly target: string;
  attributes: Attributes;
  /** Names that lead here. */
  links = 0;
  /** Of a directory. */
  readonly names = new Map<string, number>();
  #memory: Uint8Array;
  #size: number;

  constructor(birth: Birth, content: Uint8Array = new Uint8Array(0)) {
    this.number = birth.number;
    this.kind = birth.kind;
    this.target = birth.target;
    this.attributes = birth.attributes;
    this.#memory = content;
    this.#size = content.length;
  }

  get size(): number {
    if (this.kind === 'symlink') return Buffer.byteLength(this.target);
    return this.kind === 'file' ? this.#size : 4096;
  }

  /** A view, valid until the next write. */
  get content(): Uint8Array {
    return this.#memory.subarray(0, this.#size);
  }

  write(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    if (end > this.#memory.length) this.#grow(end);
    this.#memory.set(bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  resize(size: number): void {
    if (size > this.#memory.length) this.#grow(size);
    this.#memory.fill(0, Math.min(size, this.#size));
    this.#size = size;
  }

  #grow(bytes: number): void {
    const memory = new Uint8Array(Math.max(bytes, 2 * this.#memory.length, 64));
    memory.set(this.content);
    this.#memory = memory;
  }
}
