/**
 * Begins to put what was appended on the disk while more is appended: so that the `sync` at the end of a large ingest
 * finds little left to wait for. It promises nothing by itself.
 *
 * A system forgets that a sync has failed once it has said so. So a failure here is kept, and thrown to all who come.
 */
import type { FileHandle } from 'node:fs/promises';

/** After so many bytes written a sync begins, if none is running. */
const writebackBytes = 32 * 1024 * 1024;

export class Writeback {
  private bytes = 0;
  private running: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  /** `bytes` more were written to `file`, which must stay open until `settled`. @throws what an earlier sync failed with */
  note(file: FileHandle, bytes: number): void {
    if (this.failure !== undefined) throw this.failure.error;
    this.bytes += bytes;
    if (this.bytes < writebackBytes || this.running !== undefined) return;
    this.bytes = 0;
    this.running = file
      .datasync()
      .catch((error: unknown) => {
        this.failure = { error };
      })
      .finally(() => {
        this.running = undefined;
      });
  }

  /** No sync is running. @throws what an earlier one failed with */
  async settled(): Promise<void> {
    await this.running;
    if (this.failure !== undefined) throw this.failure.error;
  }

  /** No sync is running; whether one has failed matters no more, as nobody was told that it is on the disk. */
  async stopped(): Promise<void> {
    await this.running;
  }
}
