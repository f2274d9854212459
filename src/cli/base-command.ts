/**
 * What all commands share: the flags `--json` and `--debug`, output, interruption, and how errors and results
 * become an exit code. A command parses its flags, calls `share/`, and prints.
 */
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import { type ExitCode, exitCodes } from './exit-code.js';
import { asUsageError, interrupted, isInterruption } from './failure.js';
import { Interrupt } from './interrupt.js';
import { Output } from './output.js';
import { wantsFlag } from './wants-flag.js';

export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({
      description: 'print one JSON document on stdout, and everything for people on stderr',
      helpGroup: 'GLOBAL',
    }),
    debug: Flags.boolean({ description: 'print the stack of an error', helpGroup: 'GLOBAL' }),
  };

  protected readonly output = new Output({
    stdout: process.stdout,
    stderr: process.stderr,
    json: wantsFlag(this.argv, '--json'),
    env: process.env,
  });
  protected readonly interrupt = new Interrupt(process);
  protected readonly now = Date.now;

  /** Aborts on SIGINT and SIGTERM. Who never takes it is ended by them at once. */
  protected get signal(): AbortSignal {
    return this.interrupt.signal;
  }

  /** Whether being interrupted is how this command is meant to end. */
  protected get endsByInterrupt(): boolean {
    return false;
  }

  protected exitWith(code: ExitCode): void {
    process.exitCode = code;
  }

  protected override async catch(error: Error): Promise<void> {
    this.output.clearProgress();
    if (!this.interrupt.isInterrupted || !isInterruption(error)) throw asUsageError(error, this.id);
    if (!this.endsByInterrupt) throw interrupted();
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.output.clearProgress();
    const wasInterrupted = this.interrupt.isInterrupted && !this.endsByInterrupt;
    if (error === undefined && wasInterrupted) this.exitWith(exitCodes.interrupted);
    this.interrupt.dispose();
  }
}
