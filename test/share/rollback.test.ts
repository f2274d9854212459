/**
 * A device whose state was restored from an old copy goes on under a new actor: nothing that anybody wrote before or
 * after is lost, and its next head is taken by the others (hazard 31). And a store that is gone is begun anew.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Peer, scratchDirectory, untilEqual } from './peer.js';

let scratch: { path: string; remove: () => Promise<void> };
let peers: Peer[] = [];

beforeEach(async () => {
  scratch = await scratchDirectory();
});

afterEach(async () => {
  await Promise.all(peers.map((peer) => peer.stop()));
  peers = [];
  await scratch.remove();
});

async function pair(): Promise<[Peer, Peer]> {
  const directory = join(scratch.path, 'a');
  await mkdir(directory);
  await writeFile(join(directory, 'file'), 'first');
  const a = await Peer.init(directory, 'a');
  await a.start();
  const b = await Peer.join(join(scratch.path, 'b'), 'b', a);
  await b.start();
  peers = [a, b];
  await untilEqual(peers);
  return [a, b];
}

async function edit(peer: Peer, name: string, text: string): Promise<void> {
  await writeFile(join(peer.directory, name), text);
  await peer.running.scanNow();
  await untilEqual(peers);
}

const contents = async (directory: string): Promise<string[]> => {
  const names = (await readdir(directory)).filter((name) => name !== '.shoal');
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))).sort();
};

describe('a device', () => {
  it('that was restored from an old copy of its state loses no write, old or new', async () => {
    const [a, b] = await pair();
    const state = join(b.directory, '.shoal');
    const copy = join(scratch.path, 'copy');
    await b.stop();
    await cp(state, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    await b.start();
    await edit(b, 'file', 'second, by b');
    await edit(b, 'later', 'also by b');
    const actor = b.running.share.replica.state.actor;
    await b.stop();
    await rm(state, { recursive: true });
    await cp(copy, state, { recursive: true });
    await writeFile(join(b.directory, 'after'), 'written after the restore');
    await b.start();
    await b.running.until(() => b.running.share.replica.state.actor !== actor, AbortSignal.timeout(20_000));
    await untilEqual(peers);
    await edit(b, 'file', 'third, by b');
    for (const { directory } of [a, b]) {
      expect(await contents(directory)).toEqual(['also by b', 'third, by b', 'written after the restore']);
    }
    expect(b.running.share.replica.state.actor).not.toBe(actor);
  });

  it('does not take a restart for a restore', async () => {
    const [, b] = await pair();
    await edit(b, 'file', 'second');
    const { actor } = b.running.share.replica.state;
    for (let restart = 0; restart < 3; restart++) {
      await b.stop();
      await b.start();
      await untilEqual(peers);
    }
    expect(b.running.share.replica.state.actor).toBe(actor);
    expect(b.events.filter((event) => event.event === 'report')).toEqual([]);
  });

  it('whose store is gone takes up its folder and its membership again', async () => {
    const [a, b] = await pair();
    for (const lost of [b, a]) {
      await lost.stop();
      await rm(join(lost.directory, '.shoal', 'store'), { recursive: true });
      await lost.start();
      await untilEqual(peers);
      await edit(lost, 'file', `after the loss at ${lost.directory}`);
      for (const { directory } of [a, b]) {
        expect(await contents(directory)).toEqual([`after the loss at ${lost.directory}`]);
      }
    }
  });
});
