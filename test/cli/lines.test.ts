/** Shows what people read of a status, a sync, a verification, events and the demo, and that no name forges a line. */
import { describe, expect, it } from 'vitest';
import { describeDemo } from '../../src/cli/demo/demo-lines.js';
import { describeEvent, EventLines } from '../../src/cli/event-lines.js';
import { Output } from '../../src/cli/output.js';
import { describeStatus } from '../../src/cli/status-lines.js';
import { describeDryRun, describeSync } from '../../src/cli/sync-lines.js';
import { describeVerify } from '../../src/cli/verify-lines.js';
import type {
  DryRunResult,
  PeerStatus,
  ShareEvent,
  Status,
  SyncResult,
  VerifyResult,
} from '../../src/share/index.js';
import { FakeTerminal } from './fake-terminal.js';

const id = 'ab'.repeat(32);
const noon = Date.parse('2026-01-02T12:00:00.000Z');

const peer = {
  device: id,
  name: 'nas\nshare    forged',
  address: '10.0.0.2:22001',
  state: 'connected',
  transport: 'udp',
  root: id,
  inSync: true,
  lastSeen: '2026-01-02T11:59:00.000Z',
  bytesIn: 1,
  bytesOut: 1,
} as PeerStatus;

const status = {
  share: id,
  device: id,
  name: 'laptop',
  role: 'rw',
  root: id,
  watching: true,
  address: { host: '0.0.0.0', port: 22001 },
  files: 78_579,
  directories: 1,
  bytes: 1_299_341_448,
  store: {
    chunks: 81_234,
    bytes: 270_000_000,
    plainBytes: 1_299_341_448,
    hash: 'napi',
    damaged: 0,
    diskBytes: 324_835_362,
    quarantineBytes: 5000,
  },
  peers: [peer],
  pending: { files: 0, bytes: 0 },
  conflicts: [],
  blocked: [],
  held: null,
  inSync: true,
  transfer: { bytesIn: 0, bytesOut: 0, payloadIn: 0, payloadOut: 0 },
} as unknown as Status;

const view = { path: '/home/a\u001b[2J', now: noon, paint: (_: string, text: string) => text };

describe('describeStatus', () => {
  it('shows totals, state and peers, one line each', () => {
    const lines = describeStatus(status, view);
    expect(lines).toContain('share    abababababab in /home/a\\u{1b}[2J');
    expect(lines).toContain('holds    78,579 files in 1 directory, 1.3 GB');
    expect(lines).toContain('disk     the store takes 324.8 MB, 25 % of the folder, 5 KB in quarantine');
    expect(lines).toContain('state    in sync, watching on 0.0.0.0:22001');
    expect(lines.at(-1)).toBe(
      'nas\\nshare    forged  abababababab  10.0.0.2:22001  connected  yes      1 min ago',
    );
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  });

  it('shows what needs attention, and of long lists the beginning', () => {
    const conflicts = Array.from({ length: 25 }, (_, index) => `copy ${index}`);
    const lines = describeStatus(
      {
        ...status,
        peers: [],
        conflicts,
        blocked: [{ path: 'a', reason: 'it is a socket' }],
        held: { deletions: 30, of: 40 },
        pending: { files: 2, bytes: 1000 },
        store: { ...status.store, damaged: 1 },
        watching: false,
        inSync: false,
      },
      view,
    );
    expect(lines).toContain('state    not in sync, not watching: run `shoal watch`');
    expect(lines).toContain('to come  2 files, 1 KB');
    expect(lines).toContain('1 chunk is damaged: run `shoal verify`.');
    expect(lines).toContain('30 deletions of 40 files held back: if they are meant, run `shoal approve`.');
    expect(lines).toContain('25 conflict copies:');
    expect(lines).toContain('  and 5 more (see --json)');
    expect(lines.slice(-2)).toEqual(['1 path is blocked and not synced:', '  a: it is a socket']);
  });
});

describe('describeDryRun', () => {
  const nothing = { sent: [], received: [], deleted: [], conflicts: [] };
  const result = {
    dryRun: true,
    root: id,
    inSync: true,
    changed: { sent: 0, received: 0, deleted: 0, conflicts: 0 },
    paths: nothing,
    peers: [peer],
    transfer: { bytesIn: 5000, bytesOut: 100, payloadIn: 0, payloadOut: 0 },
    held: null,
    blocked: [],
    seconds: 1.23,
  } as unknown as DryRunResult;

  it('says that there is nothing to do', () => {
    expect(describeDryRun(result)).toEqual(['Dry run: there is nothing to do, and nothing was changed.']);
  });

  it('names what would happen, the beginning of long lists, and how much more there is', () => {
    const received = Array.from({ length: 22 }, (_, index) => `new\n${index}`);
    const lines = describeDryRun({
      ...result,
      changed: { sent: 1, received: 1500, deleted: 1, conflicts: 1 },
      paths: { sent: ['mine'], received, deleted: ['old'], conflicts: ['x.conflict-1'] },
    });
    expect(lines[0]).toBe('Dry run: nothing was changed.');
    expect(lines.slice(1, 4)).toEqual(['1 path would be sent:', '  mine', '1,500 paths would be received:']);
    expect(lines).toContain('  and 1480 more');
    expect(lines.slice(-4)).toEqual([
      '1 path would be deleted here:',
      '  old',
      '1 conflict copy would be made:',
      '  x.conflict-1',
    ]);
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
  });

  it('says who was not reached, and what is held', () => {
    const away = { ...peer, name: 'nas', state: 'waiting' as const };
    const [first] = describeDryRun({ ...result, inSync: false, peers: [peer, away] });
    expect(first).toContain('not every member was reached: nas (waiting). Check that');
    const held = describeDryRun({ ...result, inSync: false, held: { deletions: 30, of: 40 } });
    expect(held.at(-1)).toContain('30 deletions of 40 files held back');
  });
});

describe('describeSync', () => {
  const result = {
    root: id,
    inSync: true,
    changed: { sent: 1, received: 2, deleted: 0, conflicts: 0 },
    peers: [peer],
    transfer: { bytesIn: 5000, bytesOut: 100, payloadIn: 0, payloadOut: 0 },
    held: null,
    blocked: [],
    seconds: 1.23,
  } as unknown as SyncResult;

  it('says that all agree', () => {
    expect(describeSync(result)).toEqual([
      'In sync with 1 peer: all have the root abababababab.',
      '1 own change, 2 files received, 0 deleted, 0 conflicts',
      '5 KB in, 100 B out, in 1.2 s',
    ]);
  });

  it('says that nobody else is there', () => {
    expect(describeSync({ ...result, peers: [] })[0]).toContain('no other members yet');
  });

  it('names who is behind and what to do', () => {
    const behind = { ...peer, name: 'nas', inSync: false, state: 'waiting' as const };
    expect(describeSync({ ...result, inSync: false, peers: [behind] })[0]).toBe(
      'Not in sync: nas (waiting). Check that `shoal watch` runs there, and try again.',
    );
  });

  it('says that deletions wait', () => {
    const lines = describeSync({ ...result, inSync: false, held: { deletions: 30, of: 40 } });
    expect(lines[0]).toBe('Not in sync: deletions wait for approval.');
    expect(lines.at(-1)).toContain('shoal approve');
  });
});

describe('describeVerify', () => {
  const good = {
    ok: true,
    files: { checked: 3, changed: 0, damaged: [], missing: [] },
    chunks: { checked: 9, damaged: [], missing: [] },
    complete: true,
    rest: null,
    packs: { damaged: [] },
    rebuilt: false,
    repaired: 0,
    unrepaired: 0,
    left: [],
    quarantine: { path: '.shoal/quarantine', files: 0, bytes: 0 },
    seconds: 2,
  } as VerifyResult;

  it('says that all is well', () => {
    expect(describeVerify(good)).toEqual(['No damage: 3 files and 9 chunks read in 2 s.']);
  });

  it('lists what is not', () => {
    const lines = describeVerify({
      ...good,
      ok: false,
      unrepaired: 2,
      files: { checked: 3, changed: 1, damaged: ['a'], missing: ['b'] },
    });
    expect(lines.slice(1, 5)).toEqual(['damaged files:', '  a', 'missing files:', '  b']);
    expect(lines.at(-1)).toContain('1 file changed since the last scan');
  });

  it('says what was repaired, what was not and why, where the next run goes on, and what is kept', () => {
    const lines = describeVerify({
      ...good,
      ok: false,
      complete: false,
      rest: { part: 'files', after: 'd\\n' },
      repaired: 2,
      unrepaired: 1,
      left: [{ kind: 'chunk', name: id, reason: 'no peer has it' }],
      quarantine: { path: '.shoal/quarantine', files: 2, bytes: 3000 },
    } as VerifyResult);
    expect(lines).toEqual([
      'Damage found, 2 repaired and 1 not: 3 files and 9 chunks read in 2 s. To repair it, run `shoal verify --repair` again when more peers can be reached.',
      'not repaired:',
      '  chunk abababababab: no peer has it',
      'Not everything was read: the next one with --limit goes on with the files, after d\\n.',
      '2 damaged files are kept in .shoal/quarantine (3 KB): look through them, and remove them when you like.',
    ]);
  });
});

describe('events', () => {
  const events = [
    [{ event: 'ready', address: { host: '0.0.0.0', port: 22001 } }, 'ready on 0.0.0.0:22001'],
    [
      { event: 'peer', device: id, name: 'nas', state: 'connected', detail: '' },
      'nas (abababababab) connected',
    ],
    [
      { event: 'peer', device: id, name: 'a\r', state: 'disconnected', detail: 'gone\n' },
      'a\\r (abababababab) disconnected: gone\\n',
    ],
    [{ event: 'scan', changed: 2, deleted: 1, seconds: 0.25 }, 'scanned in 0.3 s: 2 changed, 1 deleted'],
    [
      { event: 'applied', files: 3, deleted: 0, paths: ['a', 'b', 'c'] },
      'received 3 files, 0 deleted: a, b, …',
    ],
    [{ event: 'applied', files: 0, deleted: 1, paths: [] }, 'received 0 files, 1 deleted'],
    [{ event: 'sent', device: id, name: 'nas', bytes: 1000 }, 'sent 1 KB to nas'],
    [{ event: 'insync', root: id }, 'in sync at abababababab'],
    [{ event: 'conflict', path: 'x\n' }, 'conflict: x\\n'],
    [{ event: 'blocked', path: 'p', reason: 'r' }, 'blocked: p: r'],
    [
      { event: 'held', deletions: 21, of: 30 },
      '21 deletions of 30 files held back: if they are meant, run `shoal approve`.',
    ],
    [
      { event: 'damage', id },
      'damaged chunk abababababab: it is brought back if a file here or a peer has it',
    ],
    [{ event: 'damage', path: 'x\n' }, 'damaged: x\\n: run `shoal verify --repair`'],
    [{ event: 'healed', ids: [id] }, 'healed 1 chunk of the store'],
    [{ event: 'report', text: 'hello\u0007' }, 'hello\\u{7}'],
    [{ event: 'error', code: 'IO', text: 'disk full' }, 'error: disk full'],
  ] as unknown as [Exclude<ShareEvent, { event: 'pending' }>, string][];

  it.each(events)('%o', (event, line) => {
    expect(describeEvent(event)).toBe(line);
  });

  function write(event: ShareEvent, json: boolean): string {
    const stdout = new FakeTerminal();
    const output = new Output({ stdout, stderr: new FakeTerminal(), json, env: {} });
    new EventLines(output, () => noon).write(event);
    return stdout.text;
  }

  it('are one JSON object a line, with their name and an ISO time', () => {
    expect(write({ event: 'pending', files: 1, bytes: 2 }, true)).toBe(
      '{"event":"pending","time":"2026-01-02T12:00:00.000Z","files":1,"bytes":2}\n',
    );
  });

  it('begin with the time of day for people, who are spared what is pending', () => {
    expect(write({ event: 'conflict', path: 'x' }, false)).toMatch(/^\d\d:00:00 {2}conflict: x\n$/);
    expect(write({ event: 'pending', files: 1, bytes: 2 }, false)).toBe('');
  });
});

describe('describeDemo', () => {
  const step = {
    step: '1 first sync',
    files: 202,
    bytes: 75_300_000,
    bytesOnWire: 138_700_000,
    seconds: 2.34,
    rootsEqual: true,
    verified: null,
  };
  const result = {
    ok: true,
    steps: [step, { ...step, step: '5 verify', verified: 3 }],
    resume: { bytes: 64_000_000, payloadBeforeKill: 16_600_000, payloadAfterRestart: 47_800_000 },
    seconds: 20,
  };

  it('ends with a table and what the resume fetched', () => {
    const lines = describeDemo(result);
    expect(lines.slice(0, 3)).toEqual([
      'step          files    bytes  bytes on the wire  seconds  roots equal  verify',
      '1 first sync    202  75.3 MB           138.7 MB      2.3  yes          -',
      '5 verify        202  75.3 MB           138.7 MB      2.3  yes          3 of 3 good',
    ]);
    expect(lines.at(-2)).toContain('had received 16.6 MB when it was killed, and fetched 47.8 MB');
    expect(lines.at(-1)).toBe('All equal and verified, in 20 s.');
  });

  it('does not hide a failure', () => {
    const lines = describeDemo({ ...result, ok: false, steps: [{ ...step, rootsEqual: false }] });
    expect(lines[1]).toContain('NO');
    expect(lines.at(-1)).toBe('Not all peers are equal and verified.');
  });
});
