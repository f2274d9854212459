import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { askForHugePages } from '../../src/chunking/huge-pages.js';
import { sharedMemory } from '../../src/chunking/index.js';

const modeFile = '/sys/kernel/mm/transparent_hugepage/enabled';
const goToThoseWhoAsk = existsSync(modeFile) && readFileSync(modeFile, 'latin1').includes('[madvise]');
const bytes = 8 * 1024 * 1024;

/** Bytes of this process for which huge pages were asked, by what the system says of its memory. */
function asked(): number {
  const mappings = readFileSync('/proc/self/smaps', 'latin1').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const sizes = mappings
    .filter((mapping) => /^VmFlags:.* hg( |$)/m.test(mapping))
    .map((mapping) => Number(/^Size: +(\d+) kB/m.exec(mapping)?.[1]) * 1024);
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('askForHugePages', () => {
  it.runIf(goToThoseWhoAsk)('asks the system for all of the memory', () => {
    const before = asked();
    expect(askForHugePages(sharedMemory(bytes))).toBe(true);
    expect(asked() - before).toBe(bytes);
  });

  it.skipIf(goToThoseWhoAsk)('asks for nothing where asking changes nothing', () => {
    expect(askForHugePages(sharedMemory(bytes))).toBe(false);
  });

  it('leaves what is in memory', () => {
    const memory = sharedMemory(bytes);
    const view = new Uint8Array(memory.buffer);
    view[5] = 7;
    askForHugePages(memory);
    expect(view[5]).toBe(7);
    expect(view.subarray(6).every((byte) => byte === 0)).toBe(true);
    view.fill(1);
    expect(view.every((byte) => byte === 1)).toBe(true);
  });
});
