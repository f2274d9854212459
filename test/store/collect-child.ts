/**
 * The process that `collect-kill.ts` kills: collects a store while it puts more chunks, without end, and reports each step of the
 * collection and each chunk that was flushed. Arguments: the directory of the store, the chunks that are needed and those
 * that are to be put, as JSON lists of numbers.
 */
import { Store } from '../../src/store/index.js';
import { packBytesMax, sampleOf } from './collect-sample.js';

const [directory = '', needed = '[]', added = '[]'] = process.argv.slice(2);
const store = await Store.open(directory, { packBytesMax });

async function putMore(): Promise<void> {
  for (const number of JSON.parse(added) as number[]) {
    const { id, encoded } = sampleOf(number);
    if (!(await store.chunks.has(id))) await store.chunks.put(id, encoded);
    await store.chunks.flush();
    process.send?.(number);
  }
}

const collection = store.beginCollection();
for (const number of JSON.parse(needed) as number[]) collection.keep(sampleOf(number).id);
await Promise.all([putMore(), collection.sweep({ onProgress: () => process.send?.('step') })]);
collection.end();
process.send?.('end');
