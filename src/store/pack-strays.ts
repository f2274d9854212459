/**
 * Packs that were finished without the database being told: a crash came before their footer, or before the batch that
 * would have noted them. They are noted at the next start as they are: reading a whole pack to write its footer would
 * make that start slow, and a pack that a crash may have torn is not written to again. A rebuild reads such a pack
 * record by record.
 *
 * Only packs from the one that was written last on can be such. An older one that is not noted is not ours, or was
 * dropped: it stays unknown, and `verify` says so.
 */
import type { Database, Operation } from './database.js';
import { packKey } from './key.js';
import { noteOf } from './pack-file.js';
import { noteOperation } from './pack-note.js';
import type { Packs } from './packs.js';

/** Notes the packs from number `from` on that are neither noted nor written to. */
export async function noteStrays(database: Database, packs: Packs, from: number): Promise<void> {
  const operations = await strayNotes(database, packs, from);
  if (operations.length > 0) await database.write(operations, { sync: false });
}

/** What writes the notes of those packs. */
export async function strayNotes(database: Database, packs: Packs, from: number): Promise<Operation[]> {
  const { storeId, pack: last, length } = packs.state;
  const numbers = (await packs.numbers()).filter(
    (pack) => pack >= from && (pack !== last || length === 0), // what is written to is noted when it is finished
  );
  const noted = await database.hasMany(numbers.map(packKey));
  const operations: Operation[] = [];
  for (const [index, pack] of numbers.entries()) {
    if (noted[index] === true) continue;
    const found = await packs.inspect(pack);
    const note = typeof found === 'string' ? undefined : noteOf(pack, found, storeId);
    if (note !== undefined) operations.push(noteOperation(pack, note));
  }
  return operations;
}
