// Bundles the program into a few files in dist/program: its own modules and those packages that are plain JavaScript. A
// process or thread then opens a dozen files at its start where it had opened hundreds. They are CommonJS: with the first ES
// module a process or thread starts Node's loader for those, which takes it 20 to 30 ms, of 150 for `shoal --version`.
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const directory = `${root}dist/program`;

/** Packages that find files of their own beside them, binaries or worker threads; and what oclif asks for and need not get. */
const external = [/^@napi-rs\//, 'blake3-wasm', 'koffi', 'piscina', 'udx-native', /^zstd-napi/, 'typescript'];

/** `level` is some thirty files of JavaScript and one that looks for a binary beside it: that one stays where it is. */
const levelBinary = {
  name: 'level-binary',
  load: {
    filter: { id: /\/classic-level\/binding\.js$/ },
    handler: () => `
      const { createRequire } = require('node:module');
      const requireOfLevel = createRequire(createRequire(__filename).resolve('level'));
      module.exports = requireOfLevel('classic-level/binding.js');`,
  },
};

/**
 * Writes what is not ASCII as escapes: V8 keeps a source with a single such character in twice the memory, and takes longer to
 * read all of it. They stand in comments and literals, and no `String.raw` is among those.
 */
const asciiOnly = {
  name: 'ascii-only',
  renderChunk: (code) => ({
    code: code.replaceAll(/\\.|[\u0080-\uffff]/gs, (found) => {
      const unit = found.charCodeAt(found.length - 1);
      return unit < 0x80 ? found : `\\u${unit.toString(16).padStart(4, '0')}`;
    }),
    map: null, // all lines stay where they are
  }),
};

const bundle = await rolldown({
  cwd: root,
  platform: 'node',
  external,
  plugins: [levelBinary, asciiOnly],
  treeshake: {
    moduleSideEffects: [
      { test: /\/src\/engine\/index/, sideEffects: true },
      { test: /\/(src|commands)\//, sideEffects: false },
    ],
  },
  input: {
    main: 'src/cli/main.ts',
    commands: 'commands/index.ts',
    index: 'src/index.ts',
    'ingest-worker': 'src/share/ingest-worker.ts',
    'walk-worker': 'src/folder/walk-worker.ts',
  },
});
await rm(directory, { recursive: true, force: true });
await bundle.write({
  dir: directory,
  format: 'cjs',
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name]-[hash].cjs',
  dynamicImportInCjs: false,
  sourcemap: true,
  minify: false,
  comments: { legal: true, annotation: false, jsdoc: false },
  // Without groups the file of the network would get whatever it shares with the rest, and everybody would load all of it.
  codeSplitting: {
    groups: [
      // A file of its own, as it is loaded before all others.
      { name: 'engine', test: /\/src\/engine\//, priority: 3 },
      { name: 'chunking', test: /\/src\/(error|chunking)/, priority: 2 },
      {
        name: 'messages',
        test: /\/src\/(trust|gossip|transfer|network\/(address|control-frame))/,
        priority: 1,
      },
      { name: 'network', test: /\/src\/network\// },
    ],
  },
});
await bundle.close();
