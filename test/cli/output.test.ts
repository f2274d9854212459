/** Shows which stream every kind of line goes to, and that escape codes reach terminals alone. */
import { describe, expect, it } from 'vitest';
import { Output } from '../../src/cli/output.js';
import { DoneProgress, RestProgress } from '../../src/cli/progress.js';
import { FakeTerminal } from './fake-terminal.js';

function setUp(
  options: { json?: boolean; isTTY?: boolean; columns?: number; env?: Record<string, string> } = {},
) {
  const stdout = new FakeTerminal(options);
  const stderr = new FakeTerminal(options);
  const output = new Output({ stdout, stderr, json: options.json ?? false, env: options.env ?? {} });
  return { stdout, stderr, output };
}

function writeEverything(output: Output): void {
  output.progress('working');
  output.say('for people');
  output.note('about the work');
  output.print('ticket');
  output.document({ root: 'a' });
}

describe('Output', () => {
  it('speaks to people on stdout without --json', () => {
    const { output, stdout, stderr } = setUp();
    writeEverything(output);
    expect(stdout.text).toBe('for people\nticket\n');
    expect(stderr.text).toBe('about the work\n');
  });

  it('keeps stdout for scripts with --json', () => {
    const { output, stdout, stderr } = setUp({ json: true });
    writeEverything(output);
    expect(stdout.text).toBe('ticket\n{"root":"a"}\n');
    expect(stderr.text).toBe('for people\nabout the work\n');
  });

  it('rewrites one line on a terminal, cut to its width, and erases it before other lines', () => {
    const { output, stdout, stderr } = setUp({ isTTY: true, columns: 10 });
    output.progress('1 of 2 chunks');
    output.progress('2 of 2 chunks');
    output.say('done');
    output.clearProgress();
    expect(stderr.text).toBe('\r\u001b[2K1 of 2 ch\r\u001b[2K2 of 2 ch\r\u001b[2K');
    expect(stdout.text).toBe('done\n');
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('uses no escape code with %j', (env) => {
    const { output, stdout, stderr } = setUp({ isTTY: true, env });
    output.progress('working');
    output.say(output.paint('green', 'fine'));
    expect(stderr.text + stdout.text).toBe('fine\n');
  });

  it('paints on a terminal, and not in a file', () => {
    expect(setUp({ isTTY: true }).output.paint('green', 'fine')).toBe('\u001b[32mfine\u001b[39m');
    expect(setUp().output.paint('green', 'fine')).toBe('fine');
  });
});

describe('drawing', () => {
  it('goes to stderr if that is a terminal, so that stdout keeps the result alone', () => {
    const { output, stdout, stderr } = setUp({ isTTY: true, columns: 40 });
    expect(output.canvas).toEqual({ columns: 40, hasColours: true });
    output.draw(['##']);
    expect([stdout.text, stderr.text]).toEqual(['', '##\n']);
  });

  it('goes to stdout if only that is a terminal, and nowhere if none is', () => {
    const stdout = new FakeTerminal({ isTTY: true, columns: 0 });
    const stderr = new FakeTerminal();
    const output = new Output({ stdout, stderr, json: false, env: { NO_COLOR: '1' } });
    expect(output.canvas).toEqual({ columns: 80, hasColours: false });
    output.draw(['##']);
    expect([stdout.text, stderr.text]).toEqual(['##\n', '']);
    expect(setUp().output.canvas).toBeUndefined();
  });
});

describe('progress', () => {
  const clock = { ms: 0 };
  const now = (): number => clock.ms;
  const lineOf = (text: string): string => text.split('\u001b[2K').at(-1) ?? '';

  it('tells what is done and how fast, at most ten times a second', () => {
    const { output, stderr } = setUp({ isTTY: true });
    clock.ms = 0;
    const progress = new DoneProgress(output, { verb: 'read', now });
    progress.update({ files: 1, bytes: 10 });
    expect(lineOf(stderr.text)).toBe('read 1 file, 10 B');
    clock.ms = 99;
    progress.update({ files: 2, bytes: 20 });
    expect(lineOf(stderr.text)).toBe('read 1 file, 10 B');
    clock.ms = 2000;
    progress.update({ files: 1200, bytes: 3_000_000, chunks: 5 });
    expect(lineOf(stderr.text)).toBe('read 1,200 files, 3 MB, 5 chunks, 1.5 MB/s');
  });

  it('tells what is to come and how long that takes, and starts anew with the next pull', () => {
    const { output, stderr } = setUp({ isTTY: true });
    clock.ms = 0;
    const progress = new RestProgress(output, now);
    progress.update({ files: 3, bytes: 10_000_000 });
    expect(lineOf(stderr.text)).toBe('to come: 3 files, 10 MB');
    clock.ms = 1000;
    progress.update({ files: 2, bytes: 8_000_000 });
    expect(lineOf(stderr.text)).toBe('to come: 2 files, 8 MB, 2 MB/s, 4 s left');
    progress.update({ files: 0, bytes: 0 });
    expect(lineOf(stderr.text)).toBe('');
    clock.ms = 5000;
    progress.update({ files: 1, bytes: 500 });
    expect(lineOf(stderr.text)).toBe('to come: 1 file, 500 B');
  });

  it('never shows an endless time', () => {
    const { output, stderr } = setUp({ isTTY: true });
    clock.ms = 0;
    const progress = new RestProgress(output, now);
    progress.update({ files: 3, bytes: 0 });
    clock.ms = 10_000;
    progress.update({ files: 2, bytes: 0 });
    expect(lineOf(stderr.text)).toBe('to come: 2 files, 0 B');
  });
});
