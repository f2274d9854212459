/**
 * Makes durable what was put in place. A file system may keep what was written elsewhere later and still lose a name
 * that was made before it, unless the directory of the name was synced.
 */
import { close, constants, fsync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { baseNameOf, parentOf, type RelPath } from '../manifest/index.js';
import { asIoError, isOvertaken, reasonOfBlocking } from './faults.js';
import type { SafePaths } from './safe-path.js';

const syncDescriptor = promisify(fsync);
const closeDescriptor = promisify(close);
const openFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Syncs at once: as many as Node has threads for them. */
const syncsAtOnce = 4;

/** A directory, or a file in it. */
interface Place {
  readonly directory: RelPath | undefined;
  readonly name: string;
}

export class PlaceSync {
  readonly #paths: SafePaths;

  constructor(paths: SafePaths) {
    this.#paths = paths;
  }

  /** @throws ShoalError IO */
  async run(paths: Iterable<RelPath>, adjusted: readonly RelPath[]): Promise<void> {
    const places: Place[] = adjusted.map((path) => ({ directory: parentOf(path), name: baseNameOf(path) }));
    for (const directory of directoriesOf(paths)) places.push({ directory, name: '.' });
    for (let from = 0; from < places.length; from += syncsAtOnce)
      await Promise.all(places.slice(from, from + syncsAtOnce).map((place) => this.#sync(place)));
  }

  /**
   * What is gone meanwhile was removed by somebody, and needs no sync. What may not be opened is not scanned either, so
   * that nothing is taken for a deletion there; and some file systems have no sync of directories at all.
   */
  async #sync({ directory, name }: Place): Promise<void> {
    let descriptor: number | undefined;
    try {
      const components = directory?.split('/') ?? [];
      const entered = this.#paths.enter(components, { create: false }, (at) => openSync(at(name), openFlags));
      if (entered.outcome !== 'inside') return;
      descriptor = entered.value;
      await syncDescriptor(descriptor);
    } catch (error) {
      if (isOvertaken(error) || reasonOfBlocking(error) !== undefined) return;
      throw asIoError(error, 'sync', directory ?? '.');
    } finally {
      if (descriptor !== undefined) await closeDescriptor(descriptor);
    }
  }
}

/** The directories above `paths`, each once, the root (undefined) among them. */
function directoriesOf(paths: Iterable<RelPath>): Set<RelPath | undefined> {
  const directories = new Set<RelPath | undefined>();
  for (const path of paths) {
    for (let at = parentOf(path); !directories.has(at); at = at === undefined ? at : parentOf(at))
      directories.add(at);
  }
  return directories;
}
