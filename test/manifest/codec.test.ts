/**
 * Encodings of entries and nodes: what is encoded decodes to the same; bytes that decode encode to the same bytes,
 * however they came about; and every hostile form is rejected as MALFORMED, never in another way.
 */
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkIdToBytes } from '../../src/chunking/index.js';
import { isShoalError } from '../../src/error.js';
import {
  decodeEntry,
  type Entry,
  encodeEntry,
  entryBytesMax,
  type FileEntry,
  nodeBytesMax,
  nodeReferences,
  parseRelPath,
  type Write,
} from '../../src/manifest/index.js';
import { childItem, decodeNode, encodeNode, type Item, LeafItem, nodeOf } from '../../src/manifest/node.js';
import { runs } from '../support/seed.js';
import { actor, content, fileEntry, idOf, path } from './memory-nodes.js';
import { someEntry } from './some-entry.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const malformed = expect.objectContaining({ code: 'MALFORMED' });

/** `bytes`, with a few bytes changed, dropped or added. */
function mutate(bytes: Uint8Array, edits: readonly { at: number; to: number; kind: number }[]): Uint8Array {
  const mutated = [...bytes];
  for (const { at, to, kind } of edits)
    mutated.splice(at % mutated.length, kind === 2 ? 0 : 1, ...(kind === 1 ? [] : [to]));
  return Uint8Array.from(mutated);
}

const someEdits = fc.array(fc.record({ at: fc.nat(), to: fc.nat(255), kind: fc.nat(2) }), {
  minLength: 1,
  maxLength: 3,
});

/** Decodes hostile bytes: either MALFORMED, or what encodes to the same bytes. */
function expectStrict<T>(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => T,
  encodeAgain: (value: T) => Uint8Array,
): void {
  let value: T;
  try {
    value = decode(bytes);
  } catch (error) {
    if (!isShoalError(error, 'MALFORMED')) throw error;
    return;
  }
  expect(encodeAgain(value)).toEqual(bytes);
}

describe('entries', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(someEntry, (entry) => {
        expect(decodeEntry(encodeEntry(entry))).toEqual(entry);
      }),
      runs(250),
    );
  });

  it('have one encoding each: bytes that decode are what encoding gives', () => {
    fc.assert(
      fc.property(someEntry, someEdits, (entry, edits) => {
        expectStrict(mutate(encodeEntry(entry), edits), decodeEntry, encodeEntry);
      }),
      runs(1200),
    );
  });

  it('fit in their bound when everything in them is as large as it may be', () => {
    const parent = `${'a'.repeat(255)}/`.repeat(15);
    const version = new Map(
      Array.from({ length: 256 }, (_, i) => [actor(0xf000_0000 + i), Number.MAX_SAFE_INTEGER - 300 + i]),
    );
    const writes = [...version]
      .slice(-64)
      .map(([id, counter]): Write => ({ actor: id, counter, mtimeNs: -(2n ** 63n) }));
    const known = { version, overtaken: [...version.keys()].slice(0, 128), writes };
    const parts = Array.from({ length: 16 }, (_, i) => ({ id: idOf(`${i}`), length: 2 ** 46 }));
    const largest: Entry[] = [
      {
        kind: 'symlink',
        path: parseRelPath(`${parent}${'b'.repeat(255)}`),
        ...known,
        target: 'c'.repeat(4096),
        conflictOf: parseRelPath(`${parent}${'d'.repeat(255)}`),
      },
      {
        kind: 'file',
        path: parseRelPath(`${parent}${'b'.repeat(255)}`),
        ...known,
        executable: true,
        size: 2 ** 50,
        recipe: { depth: 4, parts },
        conflictOf: parseRelPath(`${parent}${'d'.repeat(255)}`),
      },
    ];
    for (const entry of largest) {
      const bytes = encodeEntry(entry);
      expect(bytes.length).toBeGreaterThan(14_000);
      expect(bytes.length).toBeLessThanOrEqual(entryBytesMax);
      expect(decodeEntry(bytes)).toEqual(entry);
    }
  });

  it('that too many devices wrote cannot be encoded', () => {
    const version = new Map(Array.from({ length: 257 }, (_, i) => [actor(i + 1), 1]));
    const entry: Entry = { kind: 'deleted', path: path('a'), version };
    expect(() => encodeEntry(entry)).toThrow(expect.objectContaining({ code: 'LIMIT' }));
  });
});

describe('hostile entries', () => {
  const actorBytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 1]);
  const otherActor = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 2]);
  const id = chunkIdToBytes(idOf('x'));
  const file = {
    kind: 1,
    path: bytesOf('a') as unknown,
    heads: [actorBytes, 1] as unknown,
    overtaken: [] as unknown,
    writes: [actorBytes, 1, 5, false] as unknown,
    conflictOf: null as unknown,
    executable: false as unknown,
    size: 3 as unknown,
    depth: 0 as unknown,
    parts: [id, 3] as unknown,
  };
  const encoded = (changes: Partial<typeof file>): Uint8Array =>
    encode(Object.values({ ...file, ...changes }));

  it('begin from one that is right', () => {
    expect(decodeEntry(encoded({}))).toMatchObject({ kind: 'file', path: 'a', size: 3 });
  });

  const manyActors = (count: number): unknown[] =>
    Array.from({ length: count }, (_, i) => [Uint8Array.from([0, 0, 0, 0, 0, 0, i >> 8, i & 255]), 1]).flat();
  const cases: Record<string, Uint8Array> = {
    'no bytes': new Uint8Array(),
    'no array': encode(5),
    'an array that says it has 10^9 items': Uint8Array.from([0x9a, 0x3b, 0x9a, 0xca, 0x00]),
    'a byte string that says it has 2^40 bytes': Uint8Array.from([0x81, 0x5b, 0, 0, 1, 0, 0, 0, 0, 0]),
    'arrays nested 10,000 deep': new Uint8Array(10_000).fill(0x81),
    'bytes after its end': Uint8Array.from([...encoded({}), 0]),
    'an indefinite array': Uint8Array.from([0x9f, ...encoded({}).subarray(1), 0xff]),
    'a length in more bytes than it needs': Uint8Array.from([0x98, 10, ...encoded({}).subarray(1)]),
    'a map': encode({ kind: 1 }),
    'a tag': Uint8Array.from([0xc1, 0x01]),
    'more bytes than an entry may have': encoded({ path: new Uint8Array(entryBytesMax) }),
    'a kind of 0': encoded({ kind: 0 }),
    'a kind of 5': encoded({ kind: 5 }),
    'a kind of 1.5': encoded({ kind: 1.5 }),
    'a path as text': encoded({ path: 'a' }),
    'a path that climbs out': encoded({ path: bytesOf('../a') }),
    'a path of ours': encoded({ path: bytesOf('.ſhoal/x') }),
    'a path that is no UTF-8': encoded({ path: Uint8Array.from([0x61, 0xff]) }),
    'a path with an overlong slash': encoded({ path: Uint8Array.from([0x61, 0xc0, 0xaf]) }),
    'a surrogate in its path': encoded({ path: Uint8Array.from([0xed, 0xa0, 0x80]) }),
    'an actor of 7 bytes': encoded({ heads: [actorBytes.subarray(1), 1] }),
    'an actor without a counter': encoded({ heads: [actorBytes, 1, otherActor] }),
    'a counter of 0': encoded({ heads: [actorBytes, 0] }),
    'a negative counter': encoded({ heads: [actorBytes, -1] }),
    'a counter of 2^53': encoded({ heads: [actorBytes, 2n ** 53n] }),
    'a counter near 2^64': encoded({ heads: [actorBytes, 2n ** 64n - 1n] }),
    'an actor twice': encoded({ heads: [actorBytes, 1, actorBytes, 2] }),
    'an actor as head and overtaken': encoded({ overtaken: [actorBytes, 1] }),
    'actors out of order': encoded({ heads: [otherActor, 1, actorBytes, 1] }),
    '257 actors': encoded({ heads: manyActors(257) }),
    'no writes': encoded({ writes: [] }),
    '65 writes': encoded({
      heads: manyActors(65),
      writes: Array.from({ length: 65 }, (_, i) => [
        Uint8Array.from([0, 0, 0, 0, 0, 0, 0, i]),
        1,
        0,
        false,
      ]).flat(),
    }),
    'a write that its version does not include': encoded({ writes: [actorBytes, 2, 5, false] }),
    'a write twice': encoded({ writes: [actorBytes, 1, 5, false, actorBytes, 1, 6, false] }),
    'a time beyond 64 bits': encoded({ writes: [actorBytes, 1, 2n ** 63n, false] }),
    'a time as a float': encoded({ writes: [actorBytes, 1, 1.5, false] }),
    'a displaced write without origin': encoded({ writes: [actorBytes, 1, 5, true] }),
    'a displaced write at another place': encoded({
      writes: [actorBytes, 1, 5, true],
      conflictOf: bytesOf('b'),
    }),
    'itself as its origin': encoded({ conflictOf: bytesOf('a') }),
    'an origin that climbs out': encoded({ conflictOf: bytesOf('../b') }),
    'an executable bit of 1': encoded({ executable: 1 }),
    'a negative size': encoded({ size: -3 }),
    'a size of 2^50 + 1': encoded({ size: 2 ** 50 + 1 }),
    'a size that its parts do not sum up to': encoded({ size: 4 }),
    'a part of 0 bytes': encoded({ size: 0, parts: [id, 0] }),
    'a data part beyond a chunk': encoded({ size: 98_305, parts: [id, 98_305] }),
    'a depth of 5': encoded({ depth: 5 }),
    'an empty file with depth': encoded({ size: 0, depth: 1, parts: [] }),
    '17 parts': encoded({ size: 17, parts: Array.from({ length: 17 }, () => [id, 1]).flat() }),
    'an id of 31 bytes': encoded({ parts: [id.subarray(1), 3] }),
    'a field too few': encode(Object.values(file).slice(0, -1)),
    'a field too many': encode([...Object.values(file), 0]),
    'undefined in it': encoded({ conflictOf: undefined }),
    'a deletion with content': encode([
      4,
      bytesOf('a'),
      [actorBytes, 1],
      [],
      [actorBytes, 1, 5, false],
      null,
      false,
      3,
      0,
      [id, 3],
    ]),
    'a directory with a displaced write': encode([2, bytesOf('a'), [], [], [actorBytes, 1, 5, true]]),
    'an empty target': encode([
      3,
      bytesOf('a'),
      [actorBytes, 1],
      [],
      [actorBytes, 1, 5, false],
      null,
      new Uint8Array(),
    ]),
    'a target of 4097 bytes': encode([
      3,
      bytesOf('a'),
      [actorBytes, 1],
      [],
      [actorBytes, 1, 5, false],
      null,
      new Uint8Array(4097).fill(0x61),
    ]),
    'a target that is no UTF-8': encode([
      3,
      bytesOf('a'),
      [actorBytes, 1],
      [],
      [actorBytes, 1, 5, false],
      null,
      Uint8Array.from([0xff]),
    ]),
  };
  it.each(Object.entries(cases))('with %s are rejected', (_, bytes) => {
    expect(() => decodeEntry(bytes)).toThrow(malformed);
  });

  it('are given up at once where they nest too deep or claim too many items', () => {
    const cause = (message: string): unknown =>
      expect.objectContaining({ cause: expect.objectContaining({ message }) });
    expect(() => decodeEntry(new Uint8Array(100).fill(0x81))).toThrow(cause('arrays are nested too deep'));
    expect(() => decodeEntry(Uint8Array.from([0x98, 100, 0, 0]))).toThrow(
      cause('an array is longer than the input'),
    );
  });
});

describe('nodes', () => {
  const leaf = (...names: readonly string[]): Item[] =>
    names.map((name) => LeafItem.of(fileEntry(name, 'x')));
  const child = (name: string, changes: Partial<Parameters<typeof childItem>[0]['totals']> = {}): Item =>
    childItem({
      key: path(name),
      id: idOf(name),
      totals: { files: 1, directories: 2, bytes: 3, deleted: 4, ...changes },
    });

  it('decode to what was encoded', () => {
    for (const node of [
      nodeOf(1, []),
      nodeOf(1, leaf('a', 'a/b', 'a-b')),
      nodeOf(2, [child('a'), child('b')]),
      nodeOf(64, [child('a')]),
    ]) {
      expect(decodeNode(encodeNode(node))).toEqual(node);
    }
  });

  it('tell what they refer to', () => {
    expect(nodeReferences(encodeNode(nodeOf(1, leaf('a', 'b'))))).toEqual({
      children: [],
      childrenAreLeaves: false,
      entries: [fileEntry('a', 'x'), fileEntry('b', 'x')],
    });
    const inner = [child('a'), child('b')];
    expect(nodeReferences(encodeNode(nodeOf(2, inner)))).toEqual({
      children: [idOf('a'), idOf('b')],
      childrenAreLeaves: true,
      entries: [],
    });
    expect(nodeReferences(encodeNode(nodeOf(3, inner))).childrenAreLeaves).toBe(false);
  });

  it('have one encoding each', () => {
    const nodes = [
      encodeNode(nodeOf(1, leaf('a', 'b', 'c'))),
      encodeNode(nodeOf(2, [child('a'), child('b')])),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...nodes), someEdits, (bytes, edits) => {
        expectStrict(mutate(bytes, edits), decodeNode, encodeNode);
      }),
      runs(1200),
    );
  });

  const cases: Record<string, Uint8Array> = {
    'another format': encode([2, 1, []]),
    'level 0': encode([1, 0, []]),
    'level 65': encode([1, 65, [child('a').bytes]]),
    'no children': encode([1, 2, []]),
    'paths out of order': encodeNode(nodeOf(1, leaf('b', 'a'))),
    'a path twice': encodeNode(nodeOf(1, leaf('a', 'a'))),
    'children out of order': encodeNode(nodeOf(2, [child('b'), child('a')])),
    'an entry for a child': encodeNode(nodeOf(2, leaf('a'))),
    'a child for an entry': encodeNode(nodeOf(1, [child('a')])),
    'an entry that is none': encode([1, 1, [Uint8Array.from([0x80])]]),
    'a negative total': encodeNode(nodeOf(2, [child('a', { files: -1 })])),
    'totals beyond 2^53': encode([1, 2, ['a', 'b'].map((name) => child(name, { bytes: 2 ** 53 - 1 }).bytes)]),
    'a child whose path climbs out': encode([
      1,
      2,
      [encode([bytesOf('../a'), chunkIdToBytes(idOf('a')), 1, 0, 1, 0])],
    ]),
    'more bytes than a node may have': encode([1, 1, [new Uint8Array(nodeBytesMax)]]),
    'a million items': Uint8Array.from([0x83, 1, 1, 0x9a, 0, 0x0f, 0x42, 0x40]),
  };
  it.each(Object.entries(cases))('with %s are rejected', (_, bytes) => {
    expect(() => decodeNode(bytes)).toThrow(malformed);
    expect(() => nodeReferences(bytes)).toThrow(malformed);
  });
});

describe('a file entry', () => {
  it('is small: 35 bytes beside path, actor and one chunk id', () => {
    const entry: FileEntry = {
      ...fileEntry('a', 'x'),
      writes: [{ actor: actor(1), counter: 1, mtimeNs: 1_700_000_000_123_456_789n }],
    };
    expect(encodeEntry(entry).length).toBeLessThanOrEqual(1 + 2 * 8 + 32 + 35);
    expect(content('x').size).toBe(1);
  });
});
