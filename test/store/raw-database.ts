/** The files of a closed store, opened behind its back, to put damage in. */
import { Level } from 'level';

export type RawDatabase = Level<Uint8Array, Uint8Array>;

/** Opens the database in `directory` for the time of `edit`. */
export async function editRaw<T>(directory: string, edit: (raw: RawDatabase) => Promise<T>): Promise<T> {
  const raw: RawDatabase = new Level(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
  });
  await raw.open();
  try {
    return await edit(raw);
  } finally {
    await raw.close();
  }
}
