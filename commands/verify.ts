import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {
  BaseCommand,
  describeVerify,
  exitCodes,
  parseDuration,
  VerifyProgressLine,
  waitDaysMax,
} from '../src/cli/index.js';

export default class Verify extends BaseCommand {
  static override summary =
    'Read and hash files and store again, say what is damaged or missing, and repair it if asked.';
  static override description =
    'Checks both unless one of the flags narrows it. A run with --limit goes on where the run before it ended; one without looks at everything. With --repair damaged chunks come back from intact files and from peers, and damaged files are written again from the store; what stood there is kept in .shoal/quarantine. The exit code is 6 if there is damage that was not repaired.';
  static override examples = [
    '<%= config.bin %> verify ~/notes --repair',
    '<%= config.bin %> verify --store --limit 10m --json',
  ];
  static override args = {
    dir: Args.string({ name: 'DIR', description: 'a folder in the share; the current one if not given' }),
  };
  static override flags = {
    files: Flags.boolean({ description: 'check the files' }),
    store: Flags.boolean({ description: 'check the store' }),
    repair: Flags.boolean({ description: 'repair what is damaged or missing' }),
    limit: Flags.string({
      description: 'go on where the run before ended, and end after this time: 10m, 2h',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Verify);
    const limitMs =
      flags.limit === undefined
        ? undefined
        : parseDuration(flags.limit, { flag: '--limit', daysMax: waitDaysMax });
    const { findShare, verify } = await import('../src/share/index.js');
    const layout = await findShare(args.dir ?? process.cwd());
    const isWhole = flags.files === flags.store;
    const progress = new VerifyProgressLine(this.output, this.now);
    const result = await verify(layout, {
      files: isWhole || flags.files,
      store: isWhole || flags.store,
      repair: flags.repair,
      limitMs,
      now: this.now,
      random: Math.random,
      onProgress: (done) => progress.update(done),
      signal: this.signal,
    });
    this.output.document(result);
    for (const line of describeVerify(result)) this.output.say(line);
    this.exitWith(result.ok ? exitCodes.done : exitCodes.damage);
  }
}
