/**
 * Shows a disk that is really full: a replica on a file system of 24 MB, mounted in a namespace of its own, with real
 * processes. What does not fit is not begun, is said with figures, and is received when there is space; `init` is refused.
 * Skipped where a user may not make namespaces.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { seededBytes } from '../chunking/seeded-bytes.js';
import { Group } from '../support/group.js';
import { shoalPath } from '../support/repository.js';
import { childEnvironment, mustRunShoal } from '../support/shoal-command.js';

const mayMount =
  spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /mnt'], { stdio: 'ignore' })
    .status === 0;
if (!mayMount) console.warn('full-disk: skipped, because `unshare -rm` cannot mount a tmpfs here');

let scratch: string;
let group: Group | undefined;

beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'shoal-test-'));
});
afterEach(async () => {
  await group?.close();
  group = undefined;
  await rm(scratch, { recursive: true, force: true });
});

/** Runs a shell script with a small file system mounted at `$DISK`; `shoal` is the command. */
async function onSmallDisk(script: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const prelude = `set -u; mount -t tmpfs -o size=24m tmpfs "$DISK"; shoal() { "$NODE" "$SHOAL" "$@"; }\n`;
  const child = spawn('unshare', ['-rm', 'sh', '-c', prelude + script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...childEnvironment(), DISK: scratch, NODE: process.execPath, SHOAL: shoalPath },
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, stdout, stderr };
}

it.skipIf(!mayMount)('a pull waits for space and goes on by itself', async () => {
  group = await Group.open([]);
  const { first } = group;
  await writeFile(join(first.directory, 'large'), seededBytes(1, 6_000_000));
  await mustRunShoal('sync', first.directory);
  const ticket = await group.invite('rw');
  const { stdout, stderr, code } = await onSmallDisk(`
    dd if=/dev/zero of="$DISK/filler" bs=1M count=15 2>/dev/null
    shoal join ${ticket} "$DISK/b" --name b >&2 || exit 90
    shoal sync "$DISK/b" --timeout 3s --json || echo "exit $?"
    ls -A "$DISK/b" "$DISK/b/.shoal/tmp"
    "$NODE" "$SHOAL" watch "$DISK/b" --json > "$DISK/events" &
    until grep -q '"event":"blocked"' "$DISK/events"; do kill -0 $! || exit 91; sleep 0.1; done
    rm "$DISK/filler"
    until grep -q '"event":"insync"' "$DISK/events"; do kill -0 $! || exit 92; sleep 0.1; done
    kill $!; wait $!
    cksum < "$DISK/b/large"
    shoal verify "$DISK/b" >&2 || exit 93
  `);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const [document = '', ...rest] = stdout.trimEnd().split('\n');
  const reason = /^1 file to be received may need 13\.\d MB, and \d\.\d MB are free on the disk of /;
  expect(JSON.parse(document)).toMatchObject({
    inSync: false,
    changed: { received: 0 },
    blocked: [{ path: '.', reason: expect.stringMatching(reason) }],
  });
  expect(rest.slice(0, -1)).toEqual(['exit 4', `${scratch}/b:`, '.shoal', '', `${scratch}/b/.shoal/tmp:`]);
  const sum = spawnSync('cksum', { input: seededBytes(1, 6_000_000) });
  expect(rest.at(-1)).toBe(sum.stdout.toString().trim());
});

it.skipIf(!mayMount)('init is refused and leaves nothing', async () => {
  const { stdout, stderr } = await onSmallDisk(`
    mkdir "$DISK/a"; head -c 16000000 /dev/urandom > "$DISK/a/large"
    shoal init "$DISK/a"; echo "exit $?"; ls -A "$DISK/a"
  `);
  expect(stdout).toBe('exit 1\nlarge\n');
  expect(stderr).toMatch(
    /^shoal: The first snapshot of .* may need 17\.\d MB, and \d\.\d MB are free there: /,
  );
});
