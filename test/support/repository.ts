/** Where the repository lies, for code that runs from the sources and from `dist/` alike. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory with `package.json` above this file. `dist/` has none of its own. */
function findRepository(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('No package.json above this file.');
    directory = parent;
  }
  return directory;
}

/** The program under test, as users start it. */
export const shoalPath = join(findRepository(), 'bin', 'shoal.js');
