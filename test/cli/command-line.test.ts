/**
 * Shows the command line as a script meets it: the built `bin/shoal.js` in processes of its own, with exit codes, one
 * document on stdout with `--json`, and one sentence on stderr.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../bin/shoal.js', import.meta.url));
let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'shoal-test-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

function start(argv: readonly string[], nodeFlags: readonly string[] = []) {
  const args = [...nodeFlags, program, ...argv];
  return spawn(process.execPath, args, { cwd: scratch, stdio: ['ignore', 'pipe', 'pipe'] });
}

async function shoal(...argv: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(argv);
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (part) => {
    said.stdout += String(part);
  });
  child.stderr.on('data', (part) => {
    said.stderr += String(part);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

describe('help', () => {
  it('lists every command', async () => {
    const { code, stdout } = await shoal('--help');
    expect(code).toBe(0);
    for (const command of 'approve demo init invite join status sync verify watch'.split(' '))
      expect(stdout).toMatch(new RegExp(`^ {2}${command} {2}`, 'm'));
  });

  it.concurrent.each([
    ['init', ['--name']],
    ['invite', ['--role', '--expires', '--address', '--qr']],
    ['join', ['--name', '--wait', 'TICKET']],
    ['watch', ['--port', '--peer', '--limit-up', '--limit-down']],
    ['sync', ['--peer', '--timeout', '--dry-run']],
    ['status', []],
    ['verify', ['--files', '--store']],
    ['approve', []],
    ['demo', []],
  ])('of %s tells its flags', async (command, flags) => {
    const { code, stdout, stderr } = await shoal(command, '--help');
    expect([code, stderr]).toEqual([0, '']);
    for (const flag of [...flags, '--json', '--debug', 'DIR']) expect(stdout).toContain(flag);
  });
});

describe('errors', () => {
  it.concurrent.each([
    [['status', '--frob'], 2, 'shoal: Nonexistent flag: --frob; see `shoal status --help`.\n'],
    [['join'], 2, 'shoal: Missing 1 required arg: TICKET; see `shoal join --help`.\n'],
    [['invite', '--expires', 'soon'], 2, /^shoal: --expires soon is not a duration: .*\n$/],
    [['invite', '--qr'], 2, /^shoal: --qr needs a terminal to draw on, .*\n$/],
    [['sync', '--peer', 'nowhere'], 2, /^shoal: "nowhere" is not an address: .*\n$/],
    [['watch', '--limit-up', 'fast'], 2, /^shoal: --limit-up "fast" is not a rate: .*\n$/],
    [['snyc'], 2, 'shoal: There is no command "snyc"; see `shoal --help`.\n'],
    [['status'], 10, /^shoal: .* is not in a share: .*\n$/],
    [['join', 'shoal1x', 'replica'], 13, /^shoal: This is not a valid ticket: .*\n$/],
  ])('of %j is one sentence on stderr', async (argv, exitCode, sentence) => {
    const { code, stdout, stderr } = await shoal(...argv);
    expect([code, stdout]).toEqual([exitCode, '']);
    expect(stderr).toMatch(sentence);
  });

  it('ends with 1 when nothing is left to wait for before the command has ended', async () => {
    const preload = join(scratch, 'deaf.cjs');
    await writeFile(preload, 'process.stdout.write = () => true;'); // never says that it has written
    const child = start(['--version'], ['--require', preload]);
    const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^shoal: The command came to a standstill, .*\n$/),
    ]);
  });

  it('is one document with --json, and a stack only with --debug', async () => {
    const { stdout, stderr } = await shoal('status', '--json', '--debug');
    expect(JSON.parse(stdout)).toEqual({
      error: { code: 'NOT_A_SHARE', message: expect.stringContaining(scratch) },
    });
    expect(stderr).toMatch(/\n {4}at /);
  });
});

describe('a share', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(scratch, 'share-'));
    await writeFile(join(directory, 'a\nb'), 'hello');
    const { code, stdout } = await shoal('init', directory, '--name', 'one', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      path: directory,
      files: 1,
      directories: 0,
      bytes: 5,
      blocked: [],
    });
  });

  it('has a status whose fields scripts may count on', async () => {
    const { code, stdout, stderr } = await shoal('status', directory, '--json');
    expect([code, stderr]).toEqual([0, '']);
    const hex = expect.stringMatching(/^[0-9a-f]{64}$/);
    expect(JSON.parse(stdout)).toEqual({
      share: hex,
      device: hex,
      name: 'one',
      role: 'rw',
      root: hex,
      watching: false,
      address: { host: '0.0.0.0', port: 22001 },
      files: 1,
      directories: 0,
      bytes: 5,
      store: {
        chunks: expect.any(Number),
        bytes: expect.any(Number),
        plainBytes: expect.any(Number),
        hash: expect.stringMatching(/^(napi|wasm)$/),
        damaged: 0,
        diskBytes: expect.any(Number),
        quarantineBytes: 0,
      },
      peers: [],
      pending: { files: 0, bytes: 0 },
      conflicts: [],
      blocked: [],
      held: null,
      inSync: true,
      transfer: { bytesIn: 0, bytesOut: 0, payloadIn: 0, payloadOut: 0 },
    });
  });

  it('gives a ticket alone on stdout', async () => {
    const { code, stdout, stderr } = await shoal('invite', directory, '--address', '127.0.0.1:9');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^shoal1[A-Za-z0-9_-]+\n$/);
    expect(stderr).toContain('127.0.0.1:9');
    expect(stderr).not.toContain(stdout.trim());
  });

  it('says with --dry-run what a sync would do', async () => {
    await writeFile(join(directory, 'new'), 'content');
    const { code, stdout } = await shoal('sync', directory, '--dry-run', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      dryRun: true,
      inSync: true,
      changed: { sent: 1, received: 0, deleted: 0, conflicts: 0 },
      paths: { sent: ['new'] },
    });
    await rm(join(directory, 'new'));
  });

  it('verifies', async () => {
    const { code, stdout } = await shoal('verify', directory, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, files: { checked: 1, damaged: [], missing: [] } });
  });

  it('does not mind a reader that goes away', async () => {
    const child = start(['status', directory]);
    child.stdout.destroy();
    child.stderr.setEncoding('utf8');
    let stderr = '';
    child.stderr.on('data', (part: string) => {
      stderr += part;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, stderr]).toEqual([0, '']);
  });

  it('is watched until SIGTERM, which ends it with 0, with one event a line', async () => {
    const child = start(['watch', directory, '--json']);
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      stdout += part;
      if (stdout.includes('"event":"ready"')) child.kill('SIGTERM');
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(
      events.every(({ event, time }) => typeof event === 'string' && !Number.isNaN(Date.parse(String(time)))),
    ).toBe(true);
    expect(events.find(({ event }) => event === 'ready')).toMatchObject({ address: { host: '0.0.0.0' } });
  });
});
