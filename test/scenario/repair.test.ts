/**
 * `shoal verify --repair` as a process: beside a running `watch` and without one, its exit codes, and `kill -9` while it
 * works.
 */
import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { VerifyResult } from '../../src/share/index.js';
import { Group, untilEqual } from '../support/group.js';
import { writeSeededFile } from '../support/seeded-file.js';
import { runShoal } from '../support/shoal-command.js';
import { surviveKills } from './killed-repair.js';

const seed = Number(process.env.SHOAL_SEED ?? 20_261_122);
const kills = 3;

describe('verify --repair', () => {
  let group: Group;

  beforeAll(async () => {
    group = await Group.open(['rw']);
    await writeSeededFile(group.first.path('a'), seed, 300_000);
    await untilEqual(group.peers);
  });
  afterAll(() => group.close());

  const repair = async (): Promise<{ code: number | null; result: VerifyResult }> => {
    const printed = await runShoal('verify', group.peer(1).directory, '--repair', '--json');
    return { code: printed.code, result: printed.json<VerifyResult>() };
  };

  it('finds nothing to do beside a running watch', async () => {
    expect(await repair()).toMatchObject({ code: 0, result: { ok: true, complete: true, repaired: 0 } });
  });

  it('fetches a store that was lost from the peer, and takes nothing for an edit', async () => {
    const victim = group.peer(1);
    const before = await readFile(victim.path('a'));
    await victim.stop('SIGTERM');
    await rm(victim.path('.shoal', 'store', 'packs'), { recursive: true });
    await rm(victim.path('a'));
    const { code, result } = await repair();
    expect({ code, ok: result.ok, missing: result.files.missing }).toEqual({
      code: 0,
      ok: true,
      missing: ['a'],
    });
    expect(before.equals(await readFile(victim.path('a')))).toBe(true);
    await victim.start();
    await untilEqual(group.peers);
  });

  it('ends with 6, and says what is left, when nobody has what is gone', async () => {
    const victim = group.peer(1);
    for (const peer of group.peers) await peer.stop('SIGTERM');
    await rm(victim.path('.shoal', 'store', 'packs'), { recursive: true });
    await rm(victim.path('a'));
    const { code, result } = await repair();
    expect(code).toBe(6);
    expect(result.left.find(({ kind }) => kind === 'file')).toMatchObject({ name: 'a' });
    expect(result.unrepaired).toBe(result.left.length);
  });
});

test(`${kills} kills of a repair lose nothing (seed ${seed}, set by SHOAL_SEED)`, () =>
  surviveKills(seed, kills));
