/** Runs `shoal` as a process of its own: once for an answer, or as a `watch` that stays. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { ShoalError } from '../../error.js';
import { printable } from '../printable.js';

export type ShoalChild = ChildProcessByStdio<null, Readable, Readable>;

export interface Answer {
  readonly exitCode: number | null;
  readonly document: Readonly<Record<string, unknown>>;
}

/** Of what a process says on stderr the end is kept, in characters. */
const stderrTail = 2000;

/** Starts `shoal ARGUMENTS --json`. It does not outlive this process, unless that one is killed. */
export function startShoal(program: string, argv: readonly string[]): ShoalChild {
  const child = spawn(process.execPath, [program, ...argv, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const killChild = (): void => {
    child.kill('SIGKILL');
  };
  process.on('exit', killChild);
  child.once('close', () => process.off('exit', killChild));
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  return child;
}

/** Collects the end of what `child` says on stderr. */
export function keepStderr(child: ShoalChild): () => string {
  let tail = '';
  child.stderr.on('data', (text: string) => {
    tail = (tail + text).slice(-stderrTail);
  });
  return () => printable(tail.trim().split('\n').at(-1) ?? '');
}

/**
 * Runs `shoal ARGUMENTS --json` to its end.
 * @throws ShoalError IO if it failed, other than with one of `accepted`
 */
export function askShoal(
  program: string,
  argv: readonly string[],
  options: { accepted?: readonly number[]; signal: AbortSignal },
): Promise<Answer> {
  const { accepted = [0], signal } = options;
  const child = startShoal(program, argv);
  const stderr = keepStderr(child);
  let stdout = '';
  child.stdout.on('data', (text: string) => {
    stdout += text;
  });
  const abort = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', abort, { once: true });
  return new Promise<Answer>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => {
      signal.removeEventListener('abort', abort);
      if (signal.aborted) reject(signal.reason);
      else if (accepted.includes(exitCode ?? -1)) resolve({ exitCode, document: JSON.parse(stdout) });
      else reject(new ShoalError('IO', `\`shoal ${argv[0]}\` failed in the demo: ${stderr()}`));
    });
  });
}
