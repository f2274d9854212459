/**
 * The process that `crash.test.ts` kills: puts chunks without end, commits a record after each twenty, and reports each
 * number that is flushed. Arguments: the directory of the store, the first number.
 */
import { Store } from '../../src/store/index.js';
import { sampleChunk } from './sample-chunk.js';

const [directory = '', first = '0'] = process.argv.slice(2);
const store = await Store.open(directory);
for (let seed = Number(first); ; seed++) {
  const chunk = sampleChunk(seed, 20_000);
  await store.chunks.put(chunk.id, chunk.encoded);
  if (seed % 7 === 0) await store.chunks.put(chunk.id, chunk.encoded); // a duplicate must not be counted
  if (seed % 20 !== 19) continue;
  if (seed % 40 === 39) await store.chunks.flush();
  else
    await store.commit([{ kind: 'state', key: 'last', value: Uint8Array.of(seed >> 8, seed & 0xff) }], {
      durable: false,
    });
  process.send?.(seed);
}
