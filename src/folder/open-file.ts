/**
 * One regular file, open for reading from front to back, and able to say whether it stayed the same meanwhile.
 */
import { close, fstatSync, fsync, read } from 'node:fs';
import { promisify } from 'node:util';
import { asIoError } from './faults.js';
import { type FileStat, fileStatOf, statEquals } from './file-stat.js';
import type { OpenedRegular } from './open-regular.js';

const readDescriptor = promisify(read);
const closeDescriptor = promisify(close);
const syncDescriptor = promisify(fsync);

export interface OpenFile {
  /** As it was when the file was opened. */
  readonly stat: FileStat;
  /**
   * Reads on from where the last call ended, into the front of `into`.
   * @returns bytes read; 0 only at the end of the file
   * @throws ShoalError IO
   */
  readInto(into: Uint8Array): Promise<number>;
  /**
   * Reads from `position` on, into the front of `into`; `readInto` goes on where it was.
   * @returns bytes read; less than asked for only at the end of the file
   * @throws ShoalError IO
   */
  readAt(into: Uint8Array, position: number): Promise<number>;
  /** Puts the file on the disk. @throws ShoalError IO */
  sync(): Promise<void>;
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
   * @param opened - owned by this object from here on
   * @param lookAgain - what stands at the path now, if it is a file
   */
  constructor({ descriptor, stats }: OpenedRegular, path: string, lookAgain: () => FileStat | undefined) {
    this.#descriptor = descriptor;
    this.#path = path;
    this.#lookAgain = lookAgain;
    this.stat = fileStatOf(stats);
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

  async readAt(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    try {
      while (filled < into.length) {
        const [rest, at] = [into.length - filled, position + filled];
        const { bytesRead } = await readDescriptor(this.#open(), into, filled, rest, at);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw asIoError(error, 'read', this.#path);
    }
    return filled;
  }

  async sync(): Promise<void> {
    try {
      await syncDescriptor(this.#open());
    } catch (error) {
      throw asIoError(error, 'put on the disk', this.#path);
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
