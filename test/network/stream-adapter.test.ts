/**
 * Shows what the adapter hands over when a stream ends, however it ends: all that came before, in order, also in the same
 * turn of the event loop, which real peers cannot be made to do. A double stands in for the stream.
 */
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { StreamAdapter } from '../../src/network/stream-adapter.js';
import type { UdxStream } from '../../src/network/udp-port.js';

/** What the adapter uses of a UDX stream; streamx emits 'end' for a `push(null)`. */
class StreamDouble extends EventEmitter {
  isDestroyed = false;

  push(bytes: Buffer | null): boolean {
    if (bytes === null) queueMicrotask(() => this.emit('end'));
    return true;
  }

  resume(): this {
    return this;
  }

  destroy(): void {
    this.isDestroyed = true;
  }
}

function adapterOver(stream: StreamDouble): { adapter: StreamAdapter; got: string[] } {
  const adapter = new StreamAdapter(stream as unknown as UdxStream);
  const got: string[] = [];
  adapter.on('data', (bytes: Buffer) => got.push(bytes.toString()));
  adapter.on('end', () => got.push('end'));
  adapter.on('error', (error) => got.push(error.message));
  adapter.on('close', () => got.push('close'));
  return { adapter, got };
}

/** Resolves when `adapter` closes, also after an error. */
function closing(adapter: StreamAdapter): Promise<void> {
  return new Promise((resolve) => adapter.once('close', resolve));
}

test.each<[string, (stream: StreamDouble) => void, string[]]>([
  ['closes', (stream) => stream.emit('close'), ['close']],
  ['fails', (stream) => stream.emit('error', new Error('lost')), ['lost', 'close']],
])('what came in the turn in which the stream %s is handed over first', async (_, end, after) => {
  const stream = new StreamDouble();
  const { adapter, got } = adapterOver(stream);
  stream.push(Buffer.from('one '));
  stream.push(Buffer.from('two'));
  end(stream);
  await closing(adapter);
  expect(got).toEqual(['one two', ...after]);
  expect(stream.isDestroyed).toBe(true);
});

test('the end of what is read comes after all of it, and leaves the stream open', async () => {
  const stream = new StreamDouble();
  const { adapter, got } = adapterOver(stream);
  stream.push(Buffer.from('all'));
  stream.push(null);
  await once(adapter, 'end');
  expect(got).toEqual(['all', 'end']);
  expect(stream.isDestroyed).toBe(false);
});

test('packets of one turn come together, those of the next by themselves', async () => {
  const stream = new StreamDouble();
  const { adapter, got } = adapterOver(stream);
  for (const text of ['a', 'b', 'c']) stream.push(Buffer.from(text));
  await once(adapter, 'data');
  stream.push(Buffer.from('d'));
  await once(adapter, 'data');
  expect(got).toEqual(['abc', 'd']);
});

test('a stranger that sends too much is cut off, and nothing of it is handed over', async () => {
  const stream = new StreamDouble();
  const { adapter, got } = adapterOver(stream);
  adapter.limitReceive(5);
  stream.push(Buffer.from('1234'));
  stream.push(Buffer.from('56'));
  await closing(adapter);
  expect(got).toEqual([expect.stringContaining('more than 5 bytes'), 'close']);
  expect(stream.isDestroyed).toBe(true);
});
