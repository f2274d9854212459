/**
 * Whatever the user does at a path while an entry is being put there, the user's work survives and nothing outside
 * changes: every combination of what stood there, what the user does, and what is to be placed, on both ways of
 * staying in a directory. The user acts when the content is asked for, or, for entries without content, just before.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Folder, PlaceRequest } from '../../src/folder/index.js';
import {
  chunks,
  deletedEntry,
  directoryEntry,
  expectedAt,
  fileEntry,
  scratchDirectory,
  scratchShare,
  symlinkEntry,
} from './scratch.js';

const path = 'd/p';

const before: Record<string, (target: string) => void> = {
  nothing: () => undefined,
  file: (target) => writeFileSync(target, 'old'),
  directory: (target) => mkdirSync(target),
  symlink: (target) => symlinkSync('old', target),
};

/** Each leaves the user's work in a file that holds 'mine', or a symlink to `mine`, and says where that must be found. */
const user: Record<string, (target: string, outside: string) => string> = {
  'writes a file': (target) => {
    rmSync(target, { recursive: true, force: true });
    writeFileSync(target, 'mine');
    return target;
  },
  'makes a directory with a file': (target) => {
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target);
    writeFileSync(join(target, 'f'), 'mine');
    return join(target, 'f');
  },
  'makes a symlink': (target) => {
    rmSync(target, { recursive: true, force: true });
    symlinkSync('mine', target);
    return target;
  },
  'moves the parent and puts a symlink to the outside there': (target, outside) => {
    const parent = dirname(target);
    writeFileSync(join(parent, 'f'), 'mine');
    renameSync(parent, `${parent}-moved`);
    symlinkSync(outside, parent);
    return join(`${parent}-moved`, 'f');
  },
  'puts a file in the place of the parent': (target) => {
    rmSync(dirname(target), { recursive: true });
    writeFileSync(dirname(target), 'mine');
    return dirname(target);
  },
};

const entries = {
  file: () => fileEntry(path, 4),
  directory: () => directoryEntry(path),
  symlink: () => symlinkEntry(path, 'theirs'),
  deletion: () => deletedEntry(path),
};

function work(where: string): string {
  return lstatSync(where).isSymbolicLink() ? 'mine' : readFileSync(where, 'utf8');
}

/** The user's act may be what the entry asks for: a directory is there, or nothing is at the path any more. */
function isDoneAlready(kind: string, does: string): boolean {
  return kind === 'deletion' ? does.includes('parent') : kind === 'directory' && does.includes('directory');
}

async function placeDuring(folder: Folder, request: PlaceRequest, act: () => void) {
  if (request.entry.kind !== 'file') {
    act();
    return folder.place(request);
  }
  return folder.place({ ...request, content: chunks('th', act, 'ey') });
}

describe.each([true, false])('by descriptor: %s', (descriptors) => {
  for (const stood of Object.keys(before)) {
    for (const does of Object.keys(user)) {
      for (const kind of Object.keys(entries) as (keyof typeof entries)[]) {
        test(`${stood} stood there, the user ${does}, a ${kind} is to be placed`, async () => {
          const folder = await scratchShare({ descriptors });
          const outside = scratchDirectory();
          writeFileSync(join(outside, 'p'), 'outside');
          const target = join(folder.root, path);
          mkdirSync(dirname(target));
          before[stood]?.(target);
          const request = { entry: entries[kind](), expected: await expectedAt(folder, path) };
          let where = '';
          const result = await placeDuring(folder, request, () => {
            where = user[does]?.(target, outside) ?? '';
          });
          expect(existsSync(where) || lstatSync(where).isSymbolicLink()).toBe(true);
          expect(work(where)).toBe('mine');
          expect([readdirSync(outside), readFileSync(join(outside, 'p'), 'utf8')]).toEqual([
            ['p'],
            'outside',
          ]);
          expect(readdirSync(join(folder.root, '.shoal/tmp'))).toEqual([]);
          expect(result.outcome === 'placed').toBe(isDoneAlready(kind, does));
        });
      }
    }
  }
});
