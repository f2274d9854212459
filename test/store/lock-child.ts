/** The process that holds a store in `open.test.ts`. Argument: the directory of the store. */
import { Store } from '../../src/store/index.js';

await Store.open(process.argv[2] ?? '');
process.send?.('open');
setInterval(() => {}, 60_000); // stays until it is killed
