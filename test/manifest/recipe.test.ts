/** Recipes: every list of parts comes back, from small recipe chunks; an edit changes few of them; hostile ones are rejected. */
import { encode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChunkId, chunkBytesMax, chunkIdOf, chunkIdToBytes } from '../../src/chunking/index.js';
import {
  type Part,
  type Recipe,
  RecipeBuilder,
  recipeParts,
  recipeReferences,
} from '../../src/manifest/index.js';
import { runs } from '../support/seed.js';
import { idOf, MemoryNodes } from './memory-nodes.js';

const parts = (count: number, salt = ''): Part[] =>
  Array.from({ length: count }, (_, i) => ({ id: idOf(`${salt}${i}`), length: 1000 + (i % 7) }));

async function build(
  list: Iterable<Part>,
  nodes = new MemoryNodes(),
): Promise<{ recipe: Recipe; nodes: MemoryNodes }> {
  const builder = new RecipeBuilder((id, bytes) => nodes.put(id, bytes));
  await builder.add(list);
  return { recipe: await builder.finish(), nodes };
}

async function collect(nodes: MemoryNodes, recipe: Recipe): Promise<Part[]> {
  const all: Part[] = [];
  for await (const part of recipeParts(nodes, recipe)) all.push(part);
  return all;
}

describe('a recipe', () => {
  it('gives back its parts, whatever their number', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.nat(40), fc.nat(3000)), async (count) => {
        const { recipe, nodes } = await build(parts(count));
        expect(await collect(nodes, recipe)).toEqual(parts(count));
        expect(recipe.parts.length).toBeLessThanOrEqual(16);
        expect(recipe.depth === 0).toBe(count <= 16);
        for (const [id, bytes] of nodes.nodes) expect(chunkIdOf(bytes)).toBe(id);
      }),
      runs(25),
    );
  });

  it('of an empty file has no parts, and of a short one no recipe chunks', async () => {
    expect((await build([])).recipe).toEqual({ depth: 0, parts: [] });
    const { recipe, nodes } = await build(parts(16));
    expect(recipe).toEqual({ depth: 0, parts: parts(16) });
    expect(nodes.nodes.size).toBe(0);
  });

  it('has recipe chunks of about 128 parts, each well within a chunk', async () => {
    const { nodes } = await build(parts(20_000));
    const sizes = [...nodes.nodes.values()].map((bytes) => bytes.length);
    expect(Math.max(...sizes)).toBeLessThan(chunkBytesMax / 2);
    expect(nodes.nodes.size).toBeGreaterThan(20_000 / 200);
    expect(nodes.nodes.size).toBeLessThan(20_000 / 80);
  });

  it('of a file that repeats one chunk stays shallow, also if that chunk ends recipe chunks', async () => {
    const id = `00000000${idOf('x').slice(8)}` as ChunkId;
    const { recipe, nodes } = await build(Array.from({ length: 64 * 64 * 3 }, () => ({ id, length: 1 })));
    expect(recipe.depth).toBeLessThanOrEqual(2);
    expect(nodes.nodes.size).toBeLessThan(5);
    expect((await collect(nodes, recipe)).length).toBe(64 * 64 * 3);
  });

  it('changes in few recipe chunks when the file changes in one place', async () => {
    const list = parts(10_000);
    const { nodes } = await build(list);
    const before = nodes.nodes.size;
    await build([...list.slice(0, 5000), ...parts(3, 'new'), ...list.slice(5001)], nodes);
    expect(nodes.nodes.size - before).toBeLessThan(8);
  });

  it('with a recipe chunk missing says which', async () => {
    const { recipe, nodes } = await build(parts(500));
    const missing = recipe.parts[1]?.id ?? idOf('');
    nodes.nodes.delete(missing);
    await expect(collect(nodes, recipe)).rejects.toMatchObject({
      code: 'CHUNK_MISSING',
      data: { id: missing },
    });
  });

  it('with another recipe chunk in place of one is rejected', async () => {
    const { recipe, nodes } = await build(parts(500));
    const [first, second] = recipe.parts;
    if (first === undefined || second === undefined) throw new Error('too short');
    nodes.nodes.set(first.id, (await nodes.get(second.id)) ?? new Uint8Array());
    await expect(collect(nodes, recipe)).rejects.toMatchObject({ code: 'MALFORMED' });
  });

  it('takes only parts that are chunks', async () => {
    const builder = new RecipeBuilder(async () => undefined);
    for (const length of [0, -1, 1.5, chunkBytesMax + 1]) {
      await expect(builder.add([{ id: idOf('x'), length }])).rejects.toThrow('data chunk');
    }
  });
});

describe('a recipe chunk', () => {
  const id = chunkIdToBytes(idOf('x'));

  it('tells its parts', () => {
    expect(recipeReferences(encode([1, 1, 7, [id, 3, id, 4]]))).toEqual([
      { id: idOf('x'), length: 3 },
      { id: idOf('x'), length: 4 },
    ]);
    expect(
      recipeReferences(encode([1, 2, 2 ** 40, [id, 2 ** 40]]), { depth: 2, length: 2 ** 40 }),
    ).toHaveLength(1);
  });

  const cases: Record<string, Uint8Array> = {
    'another format': encode([2, 1, 3, [id, 3]]),
    'depth 0': encode([1, 0, 3, [id, 3]]),
    'depth 5': encode([1, 5, 3, [id, 3]]),
    'no parts': encode([1, 1, 0, []]),
    'a part of 0 bytes': encode([1, 1, 3, [id, 3, id, 0]]),
    'a data part beyond a chunk': encode([1, 1, chunkBytesMax + 1, [id, chunkBytesMax + 1]]),
    'a length that is not the sum': encode([1, 1, 4, [id, 3]]),
    'a sum beyond 2^50': encode([1, 2, 2 ** 51, [id, 2 ** 50, id, 2 ** 50]]),
    '1025 parts': encode([1, 1, 1025, Array.from({ length: 1025 }, () => [id, 1]).flat()]),
    'half a part': encode([1, 1, 3, [id, 3, id]]),
    'a field too many': encode([1, 1, 3, [id, 3], 0]),
    'no structure': new Uint8Array(1000),
    'more bytes than a chunk': new Uint8Array(chunkBytesMax + 1),
  };
  it.each(Object.entries(cases))('with %s is rejected', (_, bytes) => {
    expect(() => recipeReferences(bytes)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  it('that is not the expected one is rejected', () => {
    const bytes = encode([1, 1, 7, [id, 7]]);
    expect(recipeReferences(bytes, { depth: 1, length: 7 })).toHaveLength(1);
    for (const expected of [
      { depth: 2, length: 7 },
      { depth: 1, length: 8 },
    ]) {
      expect(() => recipeReferences(bytes, expected)).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
    }
  });
});
