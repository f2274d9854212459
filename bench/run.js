/** `npm run bench -- NAME [OPTION...]`: runs `bench/NAME.ts`, as the build left it in `dist/`. */
import { readdir } from 'node:fs/promises';

const builtBenches = new URL('../dist/bench/', import.meta.url);

const [name, ...options] = process.argv.slice(2);
const names = (await readdir(builtBenches))
  .filter((file) => file.endsWith('.js'))
  .map((file) => file.slice(0, -'.js'.length));

if (name === undefined || !names.includes(name)) {
  console.error(`Usage: npm run bench -- NAME [OPTION...], where NAME is one of: ${names.join(', ')}.`);
  process.exitCode = 2;
} else {
  const { run } = await import(new URL(`${name}.js`, builtBenches).href);
  await run(options);
}
