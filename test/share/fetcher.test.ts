/** Shows how the fetcher asks: what is wanted in one turn of the event loop goes to each peer in as few messages as may be. */
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import { Fetcher } from '../../src/share/fetcher.js';
import { Pacer } from '../../src/share/pacer.js';
import { idsPerMessageMax, type Message } from '../../src/transfer/index.js';
import type { DeviceId } from '../../src/trust/index.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { MemoryStore } from '../support/memory-store.js';

/** Small enough that all that is asked for stays within the credit. */
const chunkBytes = 1000;
const now = (): number => 0;
const peer = 'peer' as DeviceId;

function openFetcher(): { fetcher: Fetcher; wants: (readonly string[])[] } {
  const wants: (readonly string[])[] = [];
  const fetcher = new Fetcher({
    chunks: new MemoryStore().chunks,
    now,
    pacer: new Pacer({ bytesPerSecond: undefined, now }),
    send: (_, message: Message) => {
      if (message.type === 'want') wants.push(message.ids);
    },
    onBadSource: (_, reason) => expect.unreachable(reason),
  });
  fetcher.sourceUp(peer);
  return { fetcher, wants };
}

it('asks for what is wanted in one turn at once, and for no more ids in a message than may be', async () => {
  const { fetcher, wants } = openFetcher();
  const chunks = Array.from({ length: idsPerMessageMax + 44 }, (_, seed) => seededBytes(seed, chunkBytes));
  const ids = chunks.map(chunkIdOf);
  const fetching = ids.map((id) => fetcher.fetch(id, chunkBytes, [peer]));
  expect(wants).toEqual([]);
  await setImmediate();
  expect(wants.map(({ length }) => length)).toEqual([idsPerMessageMax, 44]);
  expect(wants.flat()).toEqual(ids);
  for (const [index, bytes] of chunks.entries())
    await fetcher.onChunk(peer, ids[index] as (typeof ids)[0], encodeChunk(bytes));
  await Promise.all(fetching);
  await setImmediate();
  expect(wants).toHaveLength(2);
});

it('says nothing more once it is closed', async () => {
  const { fetcher, wants } = openFetcher();
  const bytes = seededBytes(1, chunkBytes);
  const fetching = fetcher.fetch(chunkIdOf(bytes), bytes.length, [peer]);
  fetcher.close();
  await expect(fetching).rejects.toMatchObject({ code: 'CANCELLED' });
  await setImmediate();
  expect(wants).toEqual([]);
});
