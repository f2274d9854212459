import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holdsMoreThan } from '../../src/folder/index.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'shoal-glance-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, bytes: number): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), Buffer.alloc(bytes));
}

describe('a glance at a folder', () => {
  it('counts files and their bytes, at any depth', () => {
    for (const path of ['a', 'b/c', 'b/d/e']) write(path, 10);
    expect(holdsMoreThan(root, { files: 2, bytes: 1000 })).toBe(true);
    expect(holdsMoreThan(root, { files: 3, bytes: 1000 })).toBe(false);
    expect(holdsMoreThan(root, { files: 9, bytes: 29 })).toBe(true);
    expect(holdsMoreThan(root, { files: 9, bytes: 30 })).toBe(false);
  });

  it('counts neither directories nor symlinks nor what is of Shoal', () => {
    write('.shoal/store/log', 1000);
    mkdirSync(join(root, 'empty'));
    symlinkSync('.shoal', join(root, 'link'));
    expect(holdsMoreThan(root, { files: 0, bytes: 0 })).toBe(false);
  });

  it('sees nothing where nothing can be seen', () => {
    expect(holdsMoreThan(join(root, 'missing'), { files: 0, bytes: 0 })).toBe(false);
    write('file', 5);
    expect(holdsMoreThan(join(root, 'file'), { files: 0, bytes: 0 })).toBe(false);
    if (process.getuid?.() === 0) return; // whom no permission keeps out
    chmodSync(root, 0);
    expect(holdsMoreThan(root, { files: 0, bytes: 0 })).toBe(false);
    chmodSync(root, 0o700);
  });
});
