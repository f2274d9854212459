/**
 * One regular file, open for reading from front to back, and able to say whether it stayed the same meanwhile.
 */
import { close, fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { asIoError } from './faults.js';
import { type FileStat, fileStatOf, statEquals } from './file-stat.js';

const readDescriptor = promisify(read);
const closeDescriptor = promisify(close);

export interface OpenFile {
  /** As it was when the file was opened. */
  readonly stat: FileStat;
  /**
   * Reads on from where the last call ended, into the front of `into`.
   * @returns bytes read; 0 only at the end of the file
   * @throws ShoalError IO
   */
  readInto(into: Uint8Array): Promise<number>;
  /** Whether the path still names this very file and nothing about it has changed since it was opened. */
  unchanged(): Promise<boolean>;
  /** Must be called, whatever happened; twice is harmless. */
  close(): Promise<void>;
}

export class DescriptorFile implements OpenFile {
  readonly stat: FileStat;
  readonly #path: string;
  readonly #lookAgain: () => FileStat | undefined;
  #descriptor: number | undefined;
  #position = 0;

  /**
   * @param descriptor - of a regular file; owned by this object from here on
   * @param lookAgain - what stands at the path now, if it is a file
   */
  constructor(descriptor: number, path: string, lookAgain: () => FileStat | undefined) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.#lookAgain = lookAgain;
    this.stat = fileStatOf(fstatSync(descriptor, { bigint: true }));
  }

  async readInto(into: Uint8Array): Promise<number> {
    try {
      const { bytesRead } = await readDescriptor(this.#open(), into, 0, into.length, this.#position);
      this.#position += bytesRead;
      return bytesRead;
    } catch (error) {
      throw asIoError(error, 'read', this.#path);
    }
  }

  async unchanged(): Promise<boolean> {
    const held = fileStatOf(fstatSync(this.#open(), { bigint: true }));
    if (!statEquals(held, this.stat)) return false;
    const named = this.#lookAgain();
    return named !== undefined && statEquals(named, this.stat);
  }

  async close(): Promise<void> {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) await closeDescriptor(descriptor);
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new TypeError(`${this.#path} is used after it was closed`);
    return this.#descriptor;
  }
}
