/** Shows that settings are read, checked in full, and written again as a person wrote them. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig, writeConfig } from '../../src/share/config.js';
import { type Layout, layoutOf } from '../../src/share/layout.js';
import { scratchDirectory } from './peer.js';

let scratch: { path: string; remove: () => Promise<void> };
let layout: Layout;
const plain = { share: 'ab'.repeat(32), name: 'laptop', port: 22001, peers: ['10.0.0.2:22001'] };

beforeEach(async () => {
  scratch = await scratchDirectory();
  layout = layoutOf(scratch.path);
  await mkdir(layout.state);
});
afterEach(() => scratch.remove());

const settings = (fields: object): Promise<void> => writeFile(layout.config, JSON.stringify(fields));

describe('settings', () => {
  it.each([plain, { ...plain, limitUp: '1.5MiB/s', limitDown: 'none' }])('%j go round', async (fields) => {
    await settings(fields);
    const config = await readConfig(layout);
    expect(config).toEqual(fields);
    await writeConfig(layout, { ...config, port: 22002 });
    expect(JSON.parse(await readFile(layout.config, 'utf8'))).toEqual({ ...fields, port: 22002 });
  });

  it.each([
    [{ ...plain, limitUp: 5_000_000 }, /"limitUp" must be a text such as "5MB\/s"\. Correct the file/],
    [
      { ...plain, limitDown: '5 megabytes' },
      /"limitDown" "5 megabytes" is not a rate: .*, or none\. Correct/,
    ],
    [{ ...plain, limitSideways: '5MB/s' }, /unknown setting "limitSideways"/],
    [{ ...plain, port: 0 }, /"port" must be/],
  ])('%j are refused with the name of the setting', async (fields, message) => {
    await settings(fields);
    await expect(readConfig(layout)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message),
    });
  });
});
