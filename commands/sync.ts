import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {
  BaseCommand,
  describeDryRun,
  describeSync,
  exitCodeOfSync,
  parseDuration,
  RestProgress,
  waitDaysMax,
} from '../src/cli/index.js';
import type { ShareEvent, SyncResult } from '../src/share/index.js';

export default class Sync extends BaseCommand {
  static override summary = 'Scan, sync with all members until all have the same root, and exit: for cron.';
  static override description =
    'With a `shoal watch` running it asks that one. Exit codes: 0 all members have the same root, 3 so do they and there are new conflicts, 4 a member was unreachable or the time ran out, 5 deletions wait for `shoal approve`. With --dry-run they say how a sync would end.';
  static override examples = [
    '<%= config.bin %> sync ~/notes --timeout 1h',
    '<%= config.bin %> sync --dry-run',
  ];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };
  static override flags = {
    peer: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      helpValue: 'HOST:PORT',
      description: 'another address to dial',
    }),
    'dry-run': Flags.boolean({
      description: 'only say what would be sent, received and deleted, and change nothing',
    }),
    timeout: Flags.string({ default: '10m', description: 'when to give up: 30s, 10m, 1h' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Sync);
    const timeoutMs = parseDuration(flags.timeout, { flag: '--timeout', daysMax: waitDaysMax });
    const { dryRunSync, findShare, parseAddress, syncShare } = await import('../src/share/index.js');
    const peers = (flags.peer ?? []).map(parseAddress);
    const layout = await findShare(args.dir ?? process.cwd());
    const rest = new RestProgress(this.output, this.now);
    this.output.progress(flags['dry-run'] ? 'comparing' : 'syncing');
    const options = {
      peers,
      timeoutMs,
      now: this.now,
      random: Math.random,
      listener: (event: ShareEvent): void => {
        if (event.event === 'pending') rest.update(event);
      },
      signal: this.signal,
    };
    if (flags['dry-run']) {
      const result = await dryRunSync(layout, options);
      this.#report(result, describeDryRun(result));
    } else {
      const result = await syncShare(layout, options);
      this.#report(result, describeSync(result));
    }
  }

  #report(result: SyncResult, lines: readonly string[]): void {
    this.output.document(result);
    for (const line of lines) this.output.say(line);
    this.exitWith(exitCodeOfSync(result));
  }
}
