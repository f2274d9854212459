/**
 * Shows that limits on the rate hold, on a fake clock: of what a server hands to the sessions of all peers, and of
 * what the fetcher asks for; that nobody is starved or taken for dead meanwhile; and that closing does not wait.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ChunkId, chunkBytesMax, chunkIdOf, encodeChunk } from '../../src/chunking/index.js';
import type { Session } from '../../src/network/index.js';
import { Fetcher } from '../../src/share/fetcher.js';
import { Pacer } from '../../src/share/pacer.js';
import { PeerServer } from '../../src/share/server.js';
import { busyMsMax, decodeMessage, type Message, stalledAfterMs } from '../../src/transfer/index.js';
import type { DeviceId } from '../../src/trust/index.js';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { MemoryStore } from '../support/memory-store.js';

const chunkBytes = 50_000;
const bytesPerSecond = 100_000;
/** A chunk of the largest size may go at once after a pause. */
const burstBytes = chunkBytesMax;
const now = (): number => Date.now();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function pacer(): Pacer {
  return new Pacer({ bytesPerSecond, now });
}

function chunksOf(count: number): { readonly id: ChunkId; readonly bytes: Uint8Array }[] {
  return Array.from({ length: count }, (_, index) => {
    const bytes = seededBytes(index + 1, chunkBytes);
    return { id: chunkIdOf(bytes), bytes };
  });
}

/** A session that remembers what was sent on it. */
function fakeSession(): Session & { readonly sent: Message[] } {
  const sent: Message[] = [];
  const send = (frame: Uint8Array): Promise<void> => {
    sent.push(decodeMessage(frame));
    return Promise.resolve();
  };
  return { sent, send, close: () => undefined } as unknown as Session & { readonly sent: Message[] };
}

const chunksIn = (sent: readonly Message[]): number => sent.filter(({ type }) => type === 'chunk').length;

async function storeOf(chunks: readonly { id: ChunkId; bytes: Uint8Array }[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const { id, bytes } of chunks) await store.chunks.put(id, encodeChunk(bytes));
  return store;
}

describe('what is served', () => {
  it('keeps to the rate over all peers together, in equal parts, and comes whole', async () => {
    const chunks = chunksOf(12);
    const store = await storeOf(chunks);
    const up = pacer();
    const sessions = [fakeSession(), fakeSession(), fakeSession()];
    const startedAt = now();
    for (const session of sessions)
      new PeerServer(session, store.chunks, up).want(
        chunks.map(({ id }) => id),
        (error) => expect.unreachable(String(error)),
      );
    const total = sessions.length * chunks.length;
    const counts = (): number[] => sessions.map(({ sent }) => chunksIn(sent));
    const sum = (): number => counts().reduce((a, b) => a + b, 0);
    while (sum() < total && now() - startedAt < 60_000) {
      await vi.advanceTimersByTimeAsync(100);
      expect(sum() * chunkBytes).toBeLessThanOrEqual(
        burstBytes + ((now() - startedAt) / 1000) * bytesPerSecond,
      );
      expect(Math.max(...counts()) - Math.min(...counts())).toBeLessThanOrEqual(1);
    }
    const seconds = (now() - startedAt) / 1000;
    expect(sum()).toBe(total);
    expect(seconds).toBeLessThan((total * chunkBytes) / bytesPerSecond + 0.2);
  });

  it('tells a peer that has to wait long that it is at it, well before that one gives up', async () => {
    const chunks = chunksOf(3);
    const store = await storeOf(chunks);
    const slow = new Pacer({ bytesPerSecond: 1000, now });
    const session = fakeSession();
    const server = new PeerServer(session, store.chunks, slow);
    server.want(
      chunks.map(({ id }) => id),
      () => undefined,
    );
    await vi.advanceTimersByTimeAsync(stalledAfterMs);
    expect(session.sent.filter(({ type }) => type === 'pong').length).toBeGreaterThanOrEqual(2);
    server.close();
    await vi.advanceTimersByTimeAsync(0);
    const told = session.sent.length;
    await vi.advanceTimersByTimeAsync(10 * stalledAfterMs);
    expect(session.sent).toHaveLength(told);
  });

  it('leaves the turn of a session that ended to the others', async () => {
    const chunks = chunksOf(4);
    const store = await storeOf(chunks);
    const up = pacer();
    const [gone, stays] = [fakeSession(), fakeSession()];
    const servers = [gone, stays].map((session) => new PeerServer(session, store.chunks, up));
    const errors: unknown[] = [];
    for (const server of servers)
      server.want(
        chunks.map(({ id }) => id),
        (error) => errors.push(error),
      );
    await vi.advanceTimersByTimeAsync(0);
    servers[0]?.close();
    const before = chunksIn(gone.sent);
    await vi.advanceTimersByTimeAsync(3000);
    expect([chunksIn(gone.sent), chunksIn(stays.sent)]).toEqual([before, chunks.length]);
    expect(errors).toEqual([expect.objectContaining({ code: 'CANCELLED' })]);
  });
});

describe('what is fetched', () => {
  const peer = 'peer' as DeviceId;

  function fetcherOver(options: { answers: boolean; down: Pacer }) {
    const chunks = chunksOf(20);
    const bytesOf = new Map(chunks.map(({ id, bytes }) => [id, bytes]));
    const store = new MemoryStore();
    const asked: ChunkId[] = [];
    const bad: string[] = [];
    const fetcher: Fetcher = new Fetcher({
      chunks: store.chunks,
      now,
      pacer: options.down,
      send: (_, message) => {
        if (message.type !== 'want') return;
        asked.push(...message.ids);
        if (!options.answers) return;
        for (const id of message.ids)
          void fetcher.onChunk(peer, id, encodeChunk(bytesOf.get(id) ?? new Uint8Array(1)));
      },
      onBadSource: (_, reason) => bad.push(reason),
    });
    fetcher.sourceUp(peer);
    const fetchAll = (): Promise<unknown> =>
      Promise.allSettled(chunks.map(({ id }) => fetcher.fetch(id, chunkBytes, [peer])));
    return { fetcher, chunks, store, asked, bad, fetchAll };
  }

  it('is asked for at the rate, so that no more than that is ever on the way, and comes whole', async () => {
    const { chunks, store, asked, bad, fetcher, fetchAll } = fetcherOver({ answers: true, down: pacer() });
    const startedAt = now();
    let isDone = false;
    void fetchAll().then(() => {
      isDone = true;
    });
    while (!isDone && now() - startedAt < 60_000) {
      await vi.advanceTimersByTimeAsync(100);
      fetcher.tick();
      expect(asked.length * chunkBytes).toBeLessThanOrEqual(
        burstBytes + ((now() - startedAt) / 1000) * bytesPerSecond,
      );
    }
    expect((now() - startedAt) / 1000).toBeLessThan((chunks.length * chunkBytes) / bytesPerSecond + 0.2);
    expect(await store.chunks.hasMany(chunks.map(({ id }) => id))).not.toContain(false);
    expect([asked.length, bad]).toEqual([chunks.length, []]);
  });

  it('costs what came, not what might have come', async () => {
    const down = pacer();
    const { fetcher, chunks, asked } = fetcherOver({ answers: true, down });
    const [first, second] = chunks;
    if (first === undefined || second === undefined) throw new Error('there are chunks');
    const both = [first, second].map(({ id }) => fetcher.fetch(id, chunkBytesMax, [peer]));
    // The turn of the first was for 96 KiB, of which it gave back what it did not need.
    await vi.advanceTimersByTimeAsync(550);
    expect(asked).toHaveLength(2);
    await Promise.all(both);
    expect(fetcher.payloadIn).toBe(2 * chunkBytes);
  });

  it('does not count a peer as stalled for what it was not asked, nor one that says it is at it, but not for ever', async () => {
    const { fetcher, bad, fetchAll } = fetcherOver({ answers: false, down: pacer() });
    void fetchAll();
    const startedAt = now();
    while (now() - startedAt < busyMsMax - 1000) {
      await vi.advanceTimersByTimeAsync(5000);
      fetcher.sourceBusy(peer);
      fetcher.tick();
      if (now() - startedAt < busyMsMax - 20_000) expect(bad).toEqual([]);
    }
    await vi.advanceTimersByTimeAsync(5000);
    fetcher.tick();
    expect(bad).toEqual(['it stopped answering requests']);
  });

  it('ends at once when the fetcher is closed: nobody waits for a turn that will not come', async () => {
    const { fetcher, fetchAll } = fetcherOver({ answers: true, down: new Pacer({ bytesPerSecond: 1, now }) });
    const all = fetchAll();
    await vi.advanceTimersByTimeAsync(0);
    fetcher.close();
    const results = (await all) as PromiseSettledResult<void>[];
    expect(results.some(({ status, ...rest }) => status === 'rejected' && 'reason' in rest)).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});
