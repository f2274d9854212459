/**
 * Packs open for reading: at most `descriptorsMax` at rest, the one used longest ago is closed first. One that is in use
 * is closed after its last read, so there are never more than that and one for each read under way.
 */
import type { FileHandle } from 'node:fs/promises';

export const descriptorsMax = 64;

interface Descriptor {
  readonly opening: Promise<FileHandle>;
  users: number;
  /** Resolved when the last user of one that was evicted is done. */
  readonly waiting: (() => void)[];
  /** Whether it is no longer among the open ones: its last user closes it. */
  evicted: boolean;
}

export class PackDescriptors {
  /** In the order of their last use. */
  private readonly open = new Map<number, Descriptor>();

  constructor(private readonly openPack: (pack: number) => Promise<FileHandle>) {}

  /** Runs `use` with the pack, open. @throws what opening it or `use` throws */
  async use<T>(pack: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
    const descriptor = this.take(pack);
    try {
      return await use(await descriptor.opening);
    } catch (error) {
      this.evict(pack, descriptor); // the next reader opens the file that is there then
      throw error;
    } finally {
      descriptor.users -= 1;
      await closeUnused(descriptor);
    }
  }

  /** Resolves when nobody reads the pack through a descriptor that was open until now. */
  async release(pack: number): Promise<void> {
    const descriptor = this.open.get(pack);
    if (descriptor === undefined) return;
    this.evict(pack, descriptor);
    if (descriptor.users > 0) await new Promise<void>((resolve) => descriptor.waiting.push(resolve));
    else await closeUnused(descriptor);
  }

  async close(): Promise<void> {
    const all = [...this.open];
    for (const [pack, descriptor] of all) this.evict(pack, descriptor);
    await Promise.all(all.map(([, descriptor]) => closeUnused(descriptor)));
  }

  private take(pack: number): Descriptor {
    const known = this.open.get(pack);
    const descriptor = known ?? { opening: this.openPack(pack), users: 0, waiting: [], evicted: false };
    descriptor.users += 1;
    this.open.delete(pack);
    this.open.set(pack, descriptor);
    if (this.open.size > descriptorsMax) this.evictOldest();
    return descriptor;
  }

  private evictOldest(): void {
    const [oldest] = this.open;
    if (oldest === undefined) return;
    this.evict(...oldest);
    void closeUnused(oldest[1]);
  }

  private evict(pack: number, descriptor: Descriptor): void {
    if (this.open.get(pack) === descriptor) this.open.delete(pack);
    descriptor.evicted = true;
  }
}

/** Never rejects: nothing was written through the descriptor, so closing it loses nothing. */
async function closeUnused(descriptor: Descriptor): Promise<void> {
  if (!descriptor.evicted || descriptor.users > 0) return;
  try {
    await (await descriptor.opening).close();
  } catch {
    // It was never opened, or the disk has failed: whoever reads has been told.
  }
  for (const done of descriptor.waiting.splice(0)) done();
}
