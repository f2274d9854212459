/**
 * Golden vectors: the bytes of entries, nodes and recipe chunks, conflict names, and the root of a tree, as they
 * were when the format was made. A change here is a change of format: it needs a new format number and a migration.
 * `SHOAL_WRITE_FIXTURES=1` writes the file anew.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chunkIdOf } from '../../src/chunking/index.js';
import {
  conflictPath,
  decodeEntry,
  deleteEntry,
  type Entry,
  encodeEntry,
  mergeTrees,
  RecipeBuilder,
  supersede,
} from '../../src/manifest/index.js';
import { encodeNode, LeafItem, nodeOf } from '../../src/manifest/node.js';
import { actor, content, fileEntry, idOf, memoryTree, path } from './memory-nodes.js';

const fixture = new URL('../../fixtures/manifest-v1.json', import.meta.url);
const time = 1_700_000_000_123_456_789n;

/** What the vectors hold: text by name. */
type Vectors = Record<string, string>;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function goldenEntries(): Record<string, Entry> {
  const file = supersede(undefined, path('docs/notes é.txt'), content('hello'), {
    actor: actor(0xa1),
    counter: 1,
    mtimeNs: time,
  });
  const edited = supersede(
    file,
    file.path,
    { ...content('hello, world'), executable: true },
    { actor: 'ffeeddccbbaa9988', counter: 70_000, mtimeNs: -1n },
  );
  const copyPath = conflictPath(file.path, content('hello'));
  return {
    file,
    edited,
    deleted: deleteEntry(edited, { actor: actor(0xa1), counter: 2 ** 40 }),
    empty: supersede(undefined, path('empty'), content(''), { actor: actor(1), counter: 1, mtimeNs: 0n }),
    directory: supersede(
      undefined,
      path('docs'),
      { kind: 'directory' },
      { actor: actor(1), counter: 2, mtimeNs: 0n },
    ),
    symlink: supersede(
      undefined,
      path('link'),
      { kind: 'symlink', target: '../éù' },
      { actor: actor(1), counter: 3, mtimeNs: time },
    ),
    displaced: {
      ...file,
      path: copyPath,
      version: new Map(),
      writes: [{ actor: actor(0xa1), counter: 1, mtimeNs: time, displaced: true }],
      conflictOf: file.path,
    } as Entry,
  };
}

async function vectors(): Promise<Vectors> {
  const made: Vectors = {};
  const entries = goldenEntries();
  for (const [name, entry] of Object.entries(entries)) made[`entry ${name}`] = hex(encodeEntry(entry));
  made['conflict path'] = conflictPath(path('docs/notes é.txt'), content('hello'));
  made['conflict path of a conflict path'] = conflictPath(path(made['conflict path']), content('hello'));
  made['node empty'] = hex(encodeNode(nodeOf(1, [])));
  made['node leaf'] = hex(
    encodeNode(nodeOf(1, [LeafItem.of(fileEntry('a', 'x')), LeafItem.of(fileEntry('b', 'y'))])),
  );
  const { tree, nodes } = memoryTree();
  const many = Array.from({ length: 200 }, (_, i) =>
    fileEntry(`directory-${i % 7}/file-${i}`, `content ${i}`, i + 1),
  );
  const root = await tree.apply(await tree.emptyRoot(), many);
  made['tree of 200 entries: root'] = root;
  made['tree of 200 entries: root node'] = hex(nodes.nodes.get(root) ?? new Uint8Array());
  const other = await tree.apply(root, [
    supersede(many[3], path(many[3]?.path ?? ''), content('theirs'), {
      actor: actor(2),
      counter: 1,
      mtimeNs: 2n,
    }),
  ]);
  const ours = await tree.apply(root, [
    supersede(many[3], path(many[3]?.path ?? ''), content('ours'), {
      actor: actor(3),
      counter: 1,
      mtimeNs: 2n,
    }),
  ]);
  made['tree of 200 entries: root after a conflict'] = await mergeTrees(tree, ours, other);
  const chunks: string[] = [];
  const builder = new RecipeBuilder(
    async (id, bytes) => void chunks.push(`${id} ${chunkIdOf(bytes) === id}`),
  );
  await builder.add(Array.from({ length: 1000 }, (_, i) => ({ id: idOf(`part ${i}`), length: 65_536 })));
  const recipe = await builder.finish();
  made['recipe of 1000 parts: chunks'] = chunks.join('\n');
  made['recipe of 1000 parts'] =
    `depth ${recipe.depth}: ${recipe.parts.map(({ id, length }) => `${id} ${length}`).join(', ')}`;
  return made;
}

describe('the format', () => {
  it('is what it was', async () => {
    const made = await vectors();
    if (process.env.SHOAL_WRITE_FIXTURES === '1')
      writeFileSync(fixture, `${JSON.stringify(made, null, 2)}\n`);
    expect(made).toEqual(JSON.parse(readFileSync(fixture, 'utf8')));
  });

  it('decodes what it was', () => {
    const golden: Vectors = JSON.parse(readFileSync(fixture, 'utf8'));
    for (const [name, entry] of Object.entries(goldenEntries())) {
      expect(decodeEntry(Buffer.from(golden[`entry ${name}`] ?? '', 'hex'))).toEqual(entry);
    }
  });
});
