/** One command of Shoal, run as a process of its own until it ends. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { within } from './patience.js';
import { shoalPath } from './repository.js';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as one JSON document, for commands that were given `--json`. */
  json<T>(): T;
}

/** @param args - as on the command line, `status --json DIR` and the like */
export async function runShoal(...args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [shoalPath, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnvironment(),
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    const [code, stdout, stderr] = await within(
      Promise.all([ended, text(child.stdout), text(child.stderr)]),
      { until: `\`shoal ${args.join(' ')}\` ended` },
    );
    return { code, stdout, stderr, json: () => parse(args, stdout, stderr) };
  } finally {
    child.kill('SIGKILL');
  }
}

/** The same, for commands that must succeed. @throws Error with everything it said, if it did not */
export async function mustRunShoal(...args: readonly string[]): Promise<CommandResult> {
  const result = await runShoal(...args);
  if (result.code !== 0) {
    throw new Error(
      `\`shoal ${args.join(' ')}\` ended with ${result.code}:\n${result.stderr}${result.stdout}`,
    );
  }
  return result;
}

/** One command of Shoal that is killed after `afterMs`, if it has not ended by then. */
export async function killShoal(afterMs: number, ...args: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [shoalPath, ...args], { stdio: 'ignore', env: childEnvironment() });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  await ended;
  clearTimeout(timer);
}

/** Like a user's: a test runner's own settings must not change what runs. */
export function childEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '', NO_COLOR: '1' };
}

function parse<T>(args: readonly string[], stdout: string, stderr: string): T {
  try {
    return JSON.parse(stdout) as T;
  } catch (cause) {
    throw new Error(`\`shoal ${args.join(' ')}\` did not print one JSON document:\n${stdout}${stderr}`, {
      cause,
    });
  }
}
