/**
 * The way in: runs the command that `argv` names and ends the process with its exit code. Every error ends here, as
 * one sentence on stderr and, with `--json`, as the one document on stdout.
 */

import '../engine/index.js'; // before all others
import { run } from '@oclif/core/run';
import { claimEngine } from '../engine/index.js';
import { exitCodes } from './exit-code.js';
import { asUsageError, describeFailure, stackOf } from './failure.js';
import { Output } from './output.js';
import { wantsFlag } from './wants-flag.js';

/** @param entry - a file beside `package.json`, from which oclif finds that */
export async function main(argv: readonly string[], entry: string): Promise<void> {
  claimEngine();
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onStreamError);
  process.once('beforeExit', onStandstill);
  const exitCode = await runCommand(spelledOut(argv), entry);
  // What is written to a pipe may still be on its way.
  await Promise.all([process.stdout, process.stderr].map(flushed));
  process.exit(exitCode);
}

async function runCommand(argv: string[], entry: string): Promise<number> {
  try {
    await run(argv, entry);
    return Number(process.exitCode ?? exitCodes.done);
  } catch (error) {
    return isPlainExit(error) ? error.oclif.exit : report(asUsageError(error, undefined), argv);
  }
}

/** `shoal help sync` is `shoal sync --help`. */
function spelledOut(argv: readonly string[]): string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv];
}

function report(error: unknown, argv: readonly string[]): number {
  const output = new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    json: wantsFlag(argv, '--json'),
    env: process.env,
  });
  const { code, message, exitCode } = describeFailure(error);
  output.note(`shoal: ${message}`);
  if (wantsFlag(argv, '--debug')) output.note(stackOf(error));
  output.document({ error: { code, message } });
  return exitCode;
}

/** A reader that has gone, as in `shoal status | head`, is no error; a full disk behind stdout is one. */
function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') process.exit(exitCodes.unexpected);
}

/** Nothing is left that could happen, and the command has not ended: Node would end the process as if all were well. */
function onStandstill(): void {
  process.stderr.write('shoal: The command came to a standstill, which is a bug of Shoal: report it.\n');
  process.exit(exitCodes.unexpected);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve();
    else stream.write('', () => resolve());
  });
}

/** How oclif ends the process after it has printed help. */
function isPlainExit(error: unknown): error is Error & { oclif: { exit: number } } {
  return error instanceof Error && 'code' in error && error.code === 'EEXIT';
}
