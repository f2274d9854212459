/** What an error says to people and to scripts: one sentence, a code, an exit code. */
import { isShoalError, ShoalError } from '../error.js';
import { type ExitCode, exitCodeOf, exitCodes } from './exit-code.js';
import { printable } from './printable.js';

export interface Failure {
  /** A ShoalErrorCode, or BUG. */
  readonly code: string;
  /** One sentence, safe to print. */
  readonly message: string;
  readonly exitCode: ExitCode;
}

export function describeFailure(error: unknown): Failure {
  if (error instanceof ShoalError) {
    return { code: error.code, message: printable(error.message), exitCode: exitCodeOf(error.code) };
  }
  if (isNamed(error, 'AbortError')) return describeFailure(interrupted());
  const text = printable(error instanceof Error ? error.message : String(error));
  return {
    code: 'BUG',
    message: `An unexpected error, which is a bug of Shoal: ${text}. Run it again with --debug for a stack, and report it.`,
    exitCode: exitCodes.unexpected,
  };
}

/** The stacks of an error and of what caused it, for `--debug`. */
export function stackOf(error: unknown): string {
  const stacks: string[] = [];
  for (let at = error; at instanceof Error && stacks.length < causesMax; at = at.cause) {
    stacks.push(at.stack ?? String(at));
  }
  return stacks.join('\ncaused by: ');
}

/** A chain of causes is followed no further than this. */
const causesMax = 8;

export function interrupted(): ShoalError {
  return new ShoalError('CANCELLED', 'Interrupted; all state is kept.');
}

/**
 * Whether `error` is only how the work ended when its signal aborted. Waiting for a peer, or for the process that
 * runs the share, ends with the error of waiting in vain.
 */
export function isInterruption(error: unknown): boolean {
  return (
    isNamed(error, 'AbortError') ||
    isShoalError(error, 'CANCELLED') ||
    isShoalError(error, 'UNREACHABLE') ||
    isShoalError(error, 'SHARE_BUSY')
  );
}

/** oclif's complaint about arguments as one sentence that ends with where help is; other errors as they are. */
export function asUsageError(error: unknown, command: string | undefined): unknown {
  if (!isUsageComplaint(error)) return error;
  const what = sentenceOf(error.message);
  const help = command === undefined ? 'shoal --help' : `shoal ${command} --help`;
  return new ShoalError('USAGE', `${printable(what)}; see \`${help}\`.`, { cause: error });
}

/** Of oclif's lines: the complaint, without the hint, with the names of missing arguments and not their descriptions. */
function sentenceOf(complaint: string): string {
  const lines = complaint.replace(/\n?See more help with --help/g, '').split('\n');
  const [first = '', ...rest] = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (first.startsWith('Missing '))
    return [first, rest.map((line) => line.split(' ', 1)[0]?.toUpperCase()).join(', ')].join(' ');
  const unknown = /^command (.*) not found$/.exec(first);
  if (unknown !== null) return `There is no command "${unknown[1]}"`;
  return [first.replace(/^Parsing (--\S+)$/, '$1:'), ...rest].join(' ').replace(/[.:]$/, '');
}

/** oclif gives exit code 2 to what is the fault of whoever called. */
function isUsageComplaint(error: unknown): error is Error {
  return error instanceof Error && 'oclif' in error && (error.oclif as { exit?: unknown }).exit === 2;
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}
