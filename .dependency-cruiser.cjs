// The rooms and the one direction imports run in. See docs/ARCHITECTURE.md.
const PURE = '^src/(cbor|manifest|gossip|transfer)/';
const LAYERS = [
  ['^commands/', '^(commands/|src/(cli|share|error))'],
  ['^src/cli/', '^src/(cli|share|engine|error)'],
  [
    '^src/share/',
    '^src/(share|folder|store|network|gossip|transfer|manifest|chunking|trust|cbor|engine|error|worker-file)',
  ],
  ['^src/folder/', '^src/(folder|manifest|chunking|engine|error|worker-file)'],
  ['^src/store/', '^src/(store|manifest|chunking|trust|error)'],
  ['^src/network/', '^src/(network|gossip|transfer|chunking|trust|error)'],
  ['^src/gossip/', '^src/(gossip|chunking|trust|cbor|error)'],
  ['^src/transfer/', '^src/(transfer|chunking|trust|cbor|error)'],
  ['^src/manifest/', '^src/(manifest|chunking|cbor|error)'],
  ['^src/chunking/', '^src/(chunking|error)'],
  ['^src/trust/', '^src/(trust|chunking|cbor|error)'],
  ['^src/cbor/', '^src/(cbor|error)'],
  ['^src/engine/', '^src/engine/'],
];
const ROOMS = [
  'cbor',
  'chunking',
  'trust',
  'manifest',
  'gossip',
  'transfer',
  'store',
  'folder',
  'network',
  'share',
  'cli',
  'engine',
];
const ONE_FILE_PACKAGES = {
  cborg: '^src/cbor/',
  level: '^src/store/',
  chokidar: '^src/folder/',
  'udx-native': '^src/network/',
  'zstd-napi': '^src/chunking/',
  'blake3-wasm': '^src/chunking/',
  '@napi-rs/blake-hash': '^src/chunking/',
  koffi: '^src/chunking/',
  uqr: '^src/cli/',
  piscina: '^src/share/',
};

module.exports = {
  forbidden: [
    ...LAYERS.map(([from, to]) => ({
      name: `layer ${from}`,
      severity: 'error',
      from: { path: from },
      to: { path: '^(src|commands)/', pathNot: to },
    })),
    ...ROOMS.map((room) => ({
      name: `through the door of ${room}`,
      comment: 'Another room is entered by its index.ts only.',
      severity: 'error',
      from: { path: '^(src|commands)/', pathNot: `^src/${room}/` },
      to: { path: `^src/${room}/`, pathNot: `^src/${room}/index\\.ts$` },
    })),
    {
      name: 'pure rooms do no I/O',
      severity: 'error',
      from: { path: PURE },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?assert' },
    },
    ...Object.entries(ONE_FILE_PACKAGES).map(([name, room]) => ({
      name: `${name} belongs to one room`,
      severity: 'error',
      from: { path: '^(src|commands)/', pathNot: room },
      to: { path: `node_modules/${name}/` },
    })),
    {
      name: 'no cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'src/chunking/assembly' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
  },
};
